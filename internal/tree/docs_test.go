package tree_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryPackageIsDocumented asks each package for a comment that begins as
// godoc wants it and says more than a name.
func TestEveryPackageIsDocumented(t *testing.T) {
	for _, dir := range packages(t) {
		var comments []string
		for name, file := range parse(t, dir) {
			if file.Doc != nil {
				comments = append(comments, file.Doc.Text())
				want := "Package " + file.Name.Name + " "
				if file.Name.Name == "main" {
					want = "Command "
				}
				if !strings.HasPrefix(file.Doc.Text(), want) {
					t.Errorf("%s/%s: the package comment does not begin with %q", dir, name, want)
				}
			}
		}
		switch {
		case len(comments) == 0:
			t.Errorf("%s: no package comment", dir)
		case len(comments) > 1:
			t.Errorf("%s: %d package comments; one file says it", dir, len(comments))
		case len(comments[0]) < 60:
			t.Errorf("%s: the package comment says next to nothing: %q", dir, comments[0])
		}
	}
}

// TestEveryExportedNameIsDocumented holds for every declaration that another
// package can see.
func TestEveryExportedNameIsDocumented(t *testing.T) {
	for _, dir := range packages(t) {
		for name, file := range parse(t, dir) {
			if file.Name.Name == "main" {
				continue
			}
			for _, decl := range file.Decls {
				for _, undocumented := range bare(decl) {
					t.Errorf("%s/%s: %s has no comment", dir, name, undocumented)
				}
			}
		}
	}
}

// bare names the exported, undocumented parts of a declaration.
func bare(decl ast.Decl) []string {
	var names []string
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && (d.Recv == nil || exportedReceiver(d)) {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
					names = append(names, s.Name.Name)
				}
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if n.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
						names = append(names, n.Name)
					}
				}
			}
		}
	}
	return names
}

func exportedReceiver(d *ast.FuncDecl) bool {
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	ident, ok := t.(*ast.Ident)
	return ok && ident.IsExported()
}

// parse reads the non-test files of a package.
func parse(t *testing.T, dir string) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	paths, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(path)] = file
	}
	return files
}

// TestNoInitAndNoNamesOfNothing: no init functions, and no packages called
// after nothing.
func TestNoInitAndNoNamesOfNothing(t *testing.T) {
	for _, dir := range packages(t) {
		switch base := filepath.Base(dir); base {
		case "util", "utils", "common", "helpers", "misc":
			t.Errorf("%s: a package is named after what it is about", dir)
		}
		for name, file := range parse(t, dir) {
			for _, decl := range file.Decls {
				if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
					t.Errorf("%s/%s: init runs before anyone asked for it", dir, name)
				}
			}
		}
	}
}
