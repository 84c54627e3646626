package holotest

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// The elements of a JUnit report, as far as CI systems agree on them.
type (
	junitSuites struct {
		XMLName xml.Name   `xml:"testsuites"`
		Suite   junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitProblem `xml:"failure"`
		Error   *junitProblem `xml:"error"`
	}
	junitProblem struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes a report for CI systems.
func WriteJUnit(w io.Writer, name string, results []Result) error {
	s := junitSuite{Name: xmlText(name), Tests: len(results)}
	var took time.Duration
	for _, r := range results {
		took += r.Took
		c := junitCase{Class: xmlText(name), Name: xmlText(r.Case), Time: seconds(r.Took)}
		switch {
		case r.Err != nil:
			s.Errors++
			c.Error = &junitProblem{Message: xmlText(r.Err.Error())}
		case len(r.Differences) > 0:
			s.Failures++
			var names, diffs []string
			for _, d := range r.Differences {
				names = append(names, d.Name)
				diffs = append(diffs, string(d.Diff))
			}
			c.Failure = &junitProblem{Message: "not as expected: " + strings.Join(names, ", "), Text: xmlText(strings.Join(diffs, "\n"))}
		}
		s.Cases = append(s.Cases, c)
	}
	s.Time = seconds(took)
	b, err := xml.MarshalIndent(junitSuites{Suite: s}, "", "  ")
	if err == nil {
		_, err = io.WriteString(w, xml.Header+string(b)+"\n")
	}
	return err
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// xmlText replaces what XML can't hold.
func xmlText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0xfffe || r == 0xffff || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
}
