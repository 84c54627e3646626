package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"
)

// printCases prints the table of cases.
func printCases(w io.Writer, found []finding) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "case\ton\tholo-build\tother\tfigure\ttarget\t")
	for _, f := range found {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%v\t%s\n", f.name, f.system, f.ours, f.peers, f.figure, f.target, f.verdict)
	}
	fmt.Fprintln(t)
	t.Flush() // to the writer behind, whose errors nobody waits for
}

// printSides prints what each side took.
func printSides(w io.Writer, system string, results map[string]*result) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "side\ton\truns\tmedian [least..most]\tpeak memory")
	for _, name := range slices.Sorted(maps.Keys(results)) {
		r := results[name]
		if r.err != nil {
			fmt.Fprintf(t, "%s\t%s\t%d\tgave up\t-\n", name, system, len(r.readings))
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%.1f MB\n", name, system, len(r.readings), spread(r.walls()), float64(r.peak())/1e6)
	}
	fmt.Fprintln(t)
	t.Flush()
}

// spread is the median, the least and the most.
func spread(list []time.Duration) string {
	return fmt.Sprintf("%s [%s..%s]", human(median(list)), human(slices.Min(list)), human(slices.Max(list)))
}

// human has three digits that mean something.
func human(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= 100*time.Millisecond:
		return fmt.Sprintf("%.0f ms", d.Seconds()*1000)
	}
	return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
}

// median is the middle one, or the mean of the two in the middle.
func median[N time.Duration | float64](list []N) N {
	s := slices.Sorted(slices.Values(list))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}
