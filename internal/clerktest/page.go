package clerktest

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Describe writes the instance down for a person: the environment of a sidecar
// that is to trust it, who exists, and how to get a token. It fits a screen for a
// handful of users.
func (i *Instance) Describe(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "export CLERK_PUBLISHABLE_KEY=%s\n", i.PublishableKey())
	fmt.Fprintf(&b, "export CLERK_JWKS_URL=%s\n\n", i.JWKSURL())
	b.WriteString("in the policy\n  clerk: [{publishableKey: \"${CLERK_PUBLISHABLE_KEY}\", jwksUrl: \"${CLERK_JWKS_URL}\"}]\n\n")
	i.describeUsers(&b)
	i.describeTokens(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (i *Instance) describeUsers(b *strings.Builder) {
	if i.directory == nil {
		b.WriteString("users and organisations\n  any user_… and org_…\n\n")
		return
	}
	b.WriteString("users\n")
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, u := range i.directory.Users {
		_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\n", u.ID, u.Name, memberships(u))
	}
	_ = table.Flush()
	if len(i.directory.Organizations) > 0 {
		b.WriteString("organisations\n")
	}
	for _, o := range i.directory.Organizations {
		_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\n", o.ID, o.Slug, o.Name)
	}
	_ = table.Flush()
	b.WriteString("\n")
}

func (i *Instance) describeTokens(b *strings.Builder) {
	user, org := i.example()
	flags := "--user " + user
	if i.host != DefaultAddress {
		flags = "--dev " + i.URL() + " " + flags
	}
	names := fmt.Sprintf(`"user": "%s"`, user)
	if org != "" {
		flags += " --org " + org
		names += fmt.Sprintf(`, "org": "%s"`, org)
	}
	body := fmt.Sprintf(`{%s, "authorizedParty": "%s"}`, names, DefaultOrigin)
	fmt.Fprintf(b, "a token\n  clerkgate token %s\n  curl -d '%s' %s/dev/token\n", flags, body, i.URL())
	fmt.Fprintf(b, "a request with it, by header and by cookie\n")
	fmt.Fprintf(b, "  curl -H \"authorization: Bearer $(clerkgate token %s)\" http://127.0.0.1:8080/\n", flags)
	fmt.Fprintf(b, "  curl -H \"cookie: $(clerkgate token %s --cookie)\" http://127.0.0.1:8080/\n", flags)
}

// example is a user to show commands with, one in an organisation if possible.
func (i *Instance) example() (user, org string) {
	if i.directory == nil || len(i.directory.Users) == 0 {
		return userPrefix + "1", ""
	}
	chosen := i.directory.Users[0]
	for _, u := range i.directory.Users {
		if len(u.Memberships) > 0 {
			chosen, org = u, u.Memberships[0].Org
			break
		}
	}
	short := strings.TrimPrefix(chosen.ID, userPrefix)
	if len(i.directory.users(short)) == 1 {
		return short, org
	}
	return chosen.ID, org
}

// knownUsers is a hint that lists the users.
func (d *Directory) knownUsers() string {
	if d == nil {
		return "any id of the form user_… will do"
	}
	var known []string
	for _, u := range d.Users {
		if u.Name == "" {
			known = append(known, u.ID)
			continue
		}
		known = append(known, u.ID+" ("+u.Name+")")
	}
	return "known users: " + list(known)
}

// knownOrganizations is a hint that lists the organisations.
func (d *Directory) knownOrganizations() string {
	var known []string
	for _, o := range d.Organizations {
		known = append(known, either(o.Slug, o.ID))
	}
	return "known organisations: " + list(known)
}

// memberships says where a user is a member and as what.
func memberships(u User) string {
	if len(u.Memberships) == 0 {
		return "member of no organisation"
	}
	var all []string
	for _, m := range u.Memberships {
		all = append(all, strings.TrimPrefix(m.Role, orgScope)+" of "+m.Org)
	}
	return strings.Join(all, ", ")
}

func list(items []string) string {
	// Enough to see what names look like here; a file may have thousands.
	const most = 20
	if len(items) == 0 {
		return "none"
	}
	if len(items) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(items[:most], ", "), len(items)-most)
	}
	return strings.Join(items, ", ")
}
