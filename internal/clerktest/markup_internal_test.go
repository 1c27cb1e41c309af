package clerktest

import (
	"strings"
	"testing"
)

// TestMarkupEscapes: nothing that a page is told can end an attribute or begin an
// element.
func TestMarkupEscapes(t *testing.T) {
	const hostile = `x"'><b id=hostile>%s&`
	user := User{ID: hostile, Name: hostile}
	v := view{
		Title: hostile, Problem: hostile, Redirect: hostile, Users: []User{user}, User: user, Org: hostile, Free: true,
		Choices: []choice{{User: hostile, ID: hostile, Label: hostile, Active: true}},
	}
	for name, page := range map[string]func(*markup, view){
		"sign in": signInPage, "account": accountPage, "tasks": tasksPage, "sign out": signOutPage, "problem": problemPage,
	} {
		html := render(v, page)
		if strings.Contains(html, "<b id=hostile>") || strings.Contains(html, `x"`) || strings.Contains(html, "x'") {
			t.Errorf("%s: not escaped:\n%s", name, html)
		}
		if !strings.Contains(html, "x&#34;&#39;&gt;&lt;b id=hostile&gt;%s&amp;") || strings.Contains(html, "%!") {
			t.Errorf("%s: not told:\n%s", name, html)
		}
	}
}
