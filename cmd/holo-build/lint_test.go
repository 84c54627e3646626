package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	repository   = "../.."
	maxFileLines = 400
	maxFuncLines = 80
)

// forbidden is what nothing below cmd may use: the world comes to it in arguments, and it tells by return values.
// Programs, tests apart, are the other exception: they are their own cmd.
var forbidden = map[string][]string{
	"fmt": {"Print", "Printf", "Println"},
	// A logger that is made to be handed to a library, with a writer that was handed in, is no harm.
	"log": {
		"Default", "Fatal", "Fatalf", "Fatalln", "Output", "Panic", "Panicf", "Panicln", "Print", "Printf", "Println", "SetOutput",
	},
	"log/slog": {"Debug", "Default", "Error", "Info", "Log", "SetDefault", "Warn"},
	"os":       {"Environ", "Exit", "Getenv", "LookupEnv", "Stderr", "Stdin", "Stdout"},
	"time":     {"Now", "Since", "Until"},
}

// starters are what starts a process. One place may: plugins/sandbox, the launcher (CVE-2026-41567 was a program looked
// up where an image had put one). Programs of their own, such as the benchmark, are measured by what they start.
var starters = map[string][]string{
	"os":                    {"StartProcess"},
	"os/exec":               {"Command", "CommandContext", "LookPath"},
	"syscall":               {"Exec", "ForkExec", "StartProcess"},
	"golang.org/x/sys/unix": {"Exec"},
}

// TestStyle reads all Go files of the repository and complains of what the project's habits forbid.
func TestStyle(t *testing.T) {
	dirs := map[string][]string{}
	for _, top := range []string{"cmd", "oci", "plugins", "rootfs"} {
		err := filepath.WalkDir(filepath.Join(repository, top), func(p string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() && strings.HasSuffix(p, ".go") {
				dirs[filepath.Dir(p)] = append(dirs[filepath.Dir(p)], p)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for dir, names := range dirs {
		documented, tests := false, true
		for _, name := range names {
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			l := lint(name, src)
			for _, c := range l.complaints {
				t.Error(strings.TrimPrefix(c, repository+"/"))
			}
			documented = documented || l.packageDoc
			tests = tests && l.test
		}
		if !documented && !tests {
			t.Errorf("%s: no file says what the package is for", strings.TrimPrefix(dir, repository+"/"))
		}
	}
}

// TestStyleNotices shows that each rule can be broken.
func TestStyleNotices(t *testing.T) {
	long := strings.Repeat("\n", maxFuncLines)
	for _, c := range []struct{ name, src, want string }{
		{"clean", "// Package p is.\npackage p\n\n// F does.\nfunc F() {}\n", ""},
		{"long file", "package p\n" + strings.Repeat("\n", maxFileLines), "file of 401 lines"},
		{"long function", "package p\nfunc f() {" + long + "}\n", "function f of 81 lines"},
		{"init", "package p\nfunc init() {}\n", "init function"},
		{"undocumented function", "package p\nfunc F() {}\n", "F has no doc comment"},
		{"undocumented method", "package p\ntype t struct{}\n// T is.\ntype T struct{}\nfunc (T) M() {}\nfunc (t) N() {}\n", "M has no doc comment"},
		{"undocumented type", "package p\ntype T struct{}\n", "T has no doc comment"},
		{"undocumented variable", "package p\nvar V int\n", "V has no doc comment"},
		{"documented group", "package p\n// These are.\nconst (\nA = 1\nB = 2\n)\n", ""},
		{"clock", "package p\nimport \"time\"\nvar t = time.Now()\n", "time.Now below cmd"},
		{"renamed", "package p\nimport x \"os\"\nvar e = x.Getenv(\"A\")\n", "os.Getenv below cmd"},
		{"log", "package p\nimport \"log\"\nfunc f() { log.Fatal() }\n", "log.Fatal below cmd"},
		{"print", "package p\nimport \"fmt\"\nfunc f() { fmt.Println() }\n", "fmt.Println below cmd"},
		{"builtin", "package p\nfunc f() { println() }\n", "println below cmd"},
		{"program", "package main\nimport \"os\"\nfunc main() { os.Exit(1) }\n", ""},
		{"process", "package p\nimport \"os/exec\"\nvar c = exec.Command(\"a\")\n", "os/exec.Command outside of plugins/sandbox"},
		{"phrase", "package p\nimport \"fmt\"\nvar e = fmt.Errorf(\"failed to %d\", 1)\n", "error text \"failed to %d\""},
		{"letters", "package p\n// caf\u00e9\n", "comment is not ASCII"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(lint(repository+"/rootfs/x.go", []byte(c.src)).complaints, "\n")
			if !strings.Contains(got, c.want) || c.want == "" && got != "" {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// linter reads one file.
type linter struct {
	name       string
	fset       *token.FileSet
	test       bool
	starts     bool // it may not start processes
	packageDoc bool
	complaints []string
}

func lint(name string, src []byte) *linter {
	l := &linter{name: name, fset: token.NewFileSet(), test: strings.HasSuffix(name, "_test.go")}
	if lines := strings.Count(string(src), "\n"); lines > maxFileLines {
		l.complain(token.NoPos, "file of %d lines; %d are the most", lines, maxFileLines)
	}
	f, err := parser.ParseFile(l.fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		l.complain(token.NoPos, "%v", err)
		return l
	}
	l.packageDoc = f.Doc != nil
	for _, group := range f.Comments {
		if i := strings.IndexFunc(group.Text(), func(r rune) bool { return r > 127 }); i >= 0 {
			l.complain(group.Pos(), "comment is not ASCII")
		}
	}
	for _, d := range f.Decls {
		l.declaration(d)
	}
	below := !strings.HasPrefix(name, repository+"/cmd/") && f.Name.Name != "main" && !l.test
	l.starts = !l.test && !strings.HasPrefix(name, repository+"/plugins/sandbox/") && !strings.Contains(name, "/bench/")
	l.uses(f, below)
	return l
}

func (l *linter) complain(at token.Pos, format string, args ...any) {
	where := l.name
	if at.IsValid() {
		where = l.fset.Position(at).String()
	}
	l.complaints = append(l.complaints, where+": "+fmt.Sprintf(format, args...))
}

// declaration looks at the length of functions and at the comments of exported names.
func (l *linter) declaration(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if n := l.fset.Position(d.End()).Line - l.fset.Position(d.Pos()).Line + 1; n > maxFuncLines {
			l.complain(d.Pos(), "function %s of %d lines; %d are the most", d.Name.Name, n, maxFuncLines)
		}
		if d.Name.Name == "init" && d.Recv == nil {
			l.complain(d.Pos(), "init function: nothing registers itself")
		}
		if d.Name.IsExported() && d.Doc == nil && !l.test && exportedReceiver(d) {
			l.complain(d.Pos(), "%s has no doc comment", d.Name.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				l.documented(d, s.Doc, s.Comment, s.Name)
			case *ast.ValueSpec:
				l.documented(d, s.Doc, s.Comment, s.Names...)
			}
		}
	}
}

func (l *linter) documented(d *ast.GenDecl, doc, line *ast.CommentGroup, names ...*ast.Ident) {
	for _, name := range names {
		if name.IsExported() && !l.test && d.Doc == nil && doc == nil && line == nil {
			l.complain(name.Pos(), "%s has no doc comment", name.Name)
		}
	}
}

// exportedReceiver reports whether a function is one, or a method of an exported type. Methods named like those of
// error, sort and the like say all in their names.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	if p, ok := t.(*ast.StarExpr); ok {
		t = p.X
	}
	if x, ok := t.(*ast.IndexExpr); ok {
		t = x.X
	}
	id, ok := t.(*ast.Ident)
	wellKnown := slices.Contains([]string{"Error", "Unwrap", "Is", "Read", "Write", "Close", "Len", "Less", "Swap"}, d.Name.Name)
	return ok && id.IsExported() && !wellKnown
}

// uses looks at what is called and how errors begin.
func (l *linter) uses(f *ast.File, belowCmd bool) {
	imported := map[string]string{}
	for _, spec := range f.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		name := p[strings.LastIndex(p, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imported[name] = p
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if ok && belowCmd && slices.Contains(forbidden[imported[x.Name]], n.Sel.Name) {
				l.complain(n.Pos(), "%s.%s below cmd", imported[x.Name], n.Sel.Name)
			}
			if ok && l.starts && slices.Contains(starters[imported[x.Name]], n.Sel.Name) {
				l.complain(n.Pos(), "%s.%s outside of plugins/sandbox", imported[x.Name], n.Sel.Name)
			}
		case *ast.CallExpr:
			l.call(n, belowCmd)
		}
		return true
	})
}

func (l *linter) call(c *ast.CallExpr, belowCmd bool) {
	if id, ok := c.Fun.(*ast.Ident); ok && belowCmd && (id.Name == "print" || id.Name == "println") {
		l.complain(c.Pos(), "%s below cmd", id.Name)
	}
	sel, ok := c.Fun.(*ast.SelectorExpr)
	if !ok || len(c.Args) == 0 || sel.Sel.Name != "Errorf" && sel.Sel.Name != "New" {
		return
	}
	pkg, ok := sel.X.(*ast.Ident)
	text, isText := c.Args[0].(*ast.BasicLit)
	if !ok || !isText || pkg.Name != "fmt" && pkg.Name != "errors" {
		return
	}
	for _, phrase := range []string{"failed to", "unable to", "error ", "could not"} {
		if strings.HasPrefix(strings.ToLower(strings.Trim(text.Value, "\"`")), phrase) {
			l.complain(text.Pos(), "error text %s: say what was being done: gerund, object, cause", text.Value)
		}
	}
}
