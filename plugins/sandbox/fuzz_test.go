package sandbox

import (
	"bytes"
	"encoding/binary"
	"io"
	"reflect"
	"testing"
)

var confinedJob = job{isolation: PIDNamespace, path: "/x", args: []string{"x"}, plan: &plan{network: true, strict: true, root: "/r", rootReadOnly: true,
	limits: Limits{1, 2, 3}, binds: []bind{{readOnly, "/usr", "/usr"}, {writable, "/a", "/b"}, {ofRoot, "/c", "/c"}}}}

// FuzzJob: what the helper reads of its control pipe is the job that was written, and not a byte more.
func FuzzJob(f *testing.F) {
	for _, j := range []job{{}, {fd3: true, path: "/bin/sh", dir: "/", args: []string{"sh", "-c", ""}, env: []string{"A=b", ""}}, {isolation: Subreaper, path: "\n\xff"}, confinedJob} {
		var b bytes.Buffer
		if err := j.write(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
		f.Add(append(b.Bytes(), "more"...))
	}
	f.Add(binary.BigEndian.AppendUint32(nil, maxJob))
	f.Add([]byte{0, 0, 0, 10, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		j, err := readJob(r)
		if err != nil {
			return
		}
		used := data[:len(data)-r.Len()]
		var b bytes.Buffer
		if err := j.write(&b); err != nil {
			t.Fatal(err)
		}
		if b.Len() != len(used) {
			t.Errorf("%d bytes were read of a job of %d", len(used), b.Len())
		}
		b.WriteString("rest")
		again, err := readJob(&b)
		if rest, _ := io.ReadAll(&b); err != nil || !reflect.DeepEqual(again, j) || string(rest) != "rest" {
			t.Errorf("%+v became %+v, %v; %q is left", j, again, err, rest)
		}
	})
}

// FuzzReport: a report has a fixed size but for its detail, and those that it is written as mean the same.
func FuzzReport(f *testing.F) {
	f.Add(report{kind: exited, leftover: true, value: 7}.bytes())
	f.Add(report{kind: noExec, immortal: true, value: 1 << 31}.bytes())
	f.Add(report{kind: noRoot, value: 2, detail: "attaching /x", facts: facts{root: 1, filter: 38, abi: 7, counted: countsUser}}.bytes())
	f.Add([]byte("short"))
	f.Add(make([]byte, reportSize+maxDetail+1))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, ok := parseReport(data)
		if ok != (len(data) >= reportSize && len(data) <= reportSize+maxDetail) || !ok && r != (report{}) {
			t.Fatalf("%q: %+v, %v", data, r, ok)
		}
		if again, ok2 := parseReport(r.bytes()); ok && (!ok2 || again != r) {
			t.Errorf("%+v became %+v", r, again)
		}
	})
}
