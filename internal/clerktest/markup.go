package clerktest

import (
	"fmt"
	"html"
	"strings"
)

// markup is a page in the making. A template engine would do the same with less
// code, but it finds methods by their names, and a program in which anything does
// keeps every method of every type that it links: a quarter of this one.
type markup struct{ b strings.Builder }

// add appends a piece of HTML, in which each %s stands for a text. The texts are
// escaped, for the content of an element and for attributes in double quotes; they
// must go nowhere else.
func (m *markup) add(piece string, texts ...string) {
	escaped := make([]any, len(texts))
	for i := range texts {
		escaped[i] = html.EscapeString(texts[i])
	}
	fmt.Fprintf(&m.b, piece, escaped...)
}

// pageTop begins each page.
const pageTop = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>%s</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 3rem auto; padding: 0 1rem; }
form { display: inline; }
section { border-top: 1px solid #ddd; padding: .5rem 0; }
button, input { font: inherit; padding: .25rem .75rem; margin: .15rem .25rem .15rem 0; }
.note { color: #666; }
</style>
</head>
<body>
<h1>%s</h1>
`

const pageBottom = `<p class="note">A Clerk instance for development, on this machine. Nobody is asked for a password.</p>
</body>
</html>
`

// render makes a page of a view.
func render(v view, content func(*markup, view)) string {
	m := new(markup)
	m.add(pageTop, v.Title, v.Title)
	content(m, v)
	m.add(pageBottom)
	return m.b.String()
}

// form begins a form that keeps where the browser wants to go.
func (m *markup) form(action string, v view) {
	m.add(`<form method="post" action="%s">`, action)
	if v.Redirect != "" {
		m.add(`<input type="hidden" name="redirect_url" value="%s">`, v.Redirect)
	}
}

// who says as whom the browser is signed in.
func (m *markup) who(u User) {
	m.add(`<p>You are <b>%s</b> <span class="note">%s</span>.</p>`+"\n", either(u.Name, u.ID), u.ID)
}

func signInPage(m *markup, v view) {
	for _, u := range v.Users {
		m.add("<section>\n"+`<b>%s</b> <span class="note">%s</span><br>`+"\n", either(u.Name, u.ID), u.ID)
		for _, c := range v.Choices {
			if c.User == u.ID {
				m.signInButton(c, v)
			}
		}
		m.add("</section>\n")
	}
	if v.Free {
		m.form("/sign-in", v)
		m.add(`
<p><label>User <input name="user" placeholder="user_1" required></label></p>
<p><label>Organisation <input name="organization" placeholder="none"></label></p>
<p><button>Sign in</button></p>
</form>
`)
	}
}

func (m *markup) signInButton(c choice, v view) {
	id := c.User
	if c.ID != "" {
		id += "-" + c.ID
	}
	m.form("/sign-in", v)
	m.add(`<input type="hidden" name="user" value="%s"><button id="%s" name="organization" value="%s">%s</button></form>`+"\n", c.User, id, c.ID, c.Label)
}

func accountPage(m *markup, v view) {
	m.who(v.User)
	m.add("<section>\n")
	if v.Free {
		m.form("/account", v)
		m.add("\n"+`<p><label>Organisation <input name="organization" value="%s" placeholder="none"></label> <button>Switch</button></p>`+"\n</form>\n", v.Org)
	}
	for _, c := range v.Choices {
		current, mark := "", ""
		if c.Active {
			current, mark = ` aria-current="true"`, "✓ "
		}
		m.form("/account", v)
		m.add(`<button id="%s" name="organization" value="%s"`+current+">"+mark+"%s</button></form>\n", either(c.ID, "personal"), c.ID, c.Label)
	}
	m.add("</section>\n<section>\n")
	if v.Redirect != "" {
		m.form("/account", v)
		m.add(`<button id="continue">Continue to %s</button></form>`+"\n", v.Redirect)
	}
	m.signOutButton(v)
	m.add("</section>\n")
}

func tasksPage(m *markup, v view) {
	m.who(v.User)
	m.add("<p>Your session is pending: it does not count until this task is done.</p>\n")
	m.form("/sign-in/tasks", v)
	m.add(`<button id="complete">Complete the task</button></form>` + "\n")
	m.signOutButton(v)
}

func signOutPage(m *markup, v view) {
	m.who(v.User)
	m.signOutButton(v)
}

func (m *markup) signOutButton(v view) {
	m.form("/sign-out", v)
	m.add(`<button id="sign-out">Sign out</button></form>` + "\n")
}

func problemPage(m *markup, v view) {
	m.add(`<p role="alert">%s</p>`+"\n", v.Problem)
}
