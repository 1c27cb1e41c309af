package clerktest

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Describe writes the instance down for a person: the environment of a sidecar
// that is to trust it, what its policy says, who exists, where to sign in, and how
// to get a token. It fits a screen for a handful of users.
func (i *Instance) Describe(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "export CLERK_PUBLISHABLE_KEY=%s\n", i.PublishableKey())
	fmt.Fprintf(&b, "export CLERK_JWKS_URL=%s\n", i.JWKSURL())
	fmt.Fprintf(&b, "export CLERK_SECRET_KEY=%s\n\n", i.secretKey)
	b.WriteString("in the policy\n  clerk:\n")
	for n, line := range []string{
		`publishableKey: "${CLERK_PUBLISHABLE_KEY}"`, `jwksUrl: "${CLERK_JWKS_URL}"`, `secretKey: "${CLERK_SECRET_KEY}"`,
		"apiUrl: " + i.URL(), "proxyUrl: " + i.URL(), "signInUrl: " + i.SignInURL(),
		"authorizedParties: [" + DefaultOrigin + "] # where your pages are", "missingAzp: allow-cookie # sessions from redirects have none",
	} {
		fmt.Fprintf(&b, "    %s %s\n", []string{"-", " "}[min(n, 1)], line)
	}
	b.WriteString("\n")
	i.describeUsers(&b)
	fmt.Fprintf(&b, "sign in\n  %s\n", i.SignInURL())
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
		_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\n", u.ID, u.Name, standing(u))
	}
	_ = table.Flush()
	if len(i.directory.Organizations) > 0 {
		b.WriteString("organisations\n")
	}
	for _, o := range i.directory.Organizations {
		_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\n", o.ID, o.Slug, o.Name)
	}
	_ = table.Flush()
	i.describeMachines(b)
	b.WriteString("\n")
}

// describeMachines gives each machine's secret key, for machineSecretKey.
func (i *Instance) describeMachines(b *strings.Builder) {
	machines := i.listMachines()
	if len(machines) == 0 {
		return
	}
	b.WriteString("machines\n")
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, m := range machines {
		calls := "calls nobody"
		if len(m.Scopes) > 0 {
			calls = "calls " + list(m.Scopes)
		}
		_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", m.ID, m.Name, calls, m.SecretKey)
	}
	_ = table.Flush()
}

func (i *Instance) describeTokens(b *strings.Builder) {
	user, org := i.example()
	dev := ""
	if i.host != DefaultAddress {
		dev = "--dev " + i.URL() + " "
	}
	flags := dev + "--user " + user
	names := fmt.Sprintf(`"user": "%s"`, user)
	if org != "" {
		flags += " --org " + org
		names += fmt.Sprintf(`, "org": "%s"`, org)
	}
	body := fmt.Sprintf(`{%s, "authorizedParty": "%s"}`, names, DefaultOrigin)
	fmt.Fprintf(b, "a token\n  clerkgate token %s\n  curl -d '%s' %s/dev/token\n", flags, body, i.URL())
	machine := i.exampleMachine()
	if machine != "" {
		fmt.Fprintf(b, "  clerkgate token %s--type m2m --machine %s\n", dev, machine)
	}
	fmt.Fprintf(b, "  clerkgate token %s--type api-key --subject %s\n", dev, user)
	fmt.Fprintf(b, "a request with it, by header and by cookie\n")
	fmt.Fprintf(b, "  curl -H \"authorization: Bearer $(clerkgate token %s)\" http://127.0.0.1:8080/\n", flags)
	fmt.Fprintf(b, "  curl -H \"cookie: $(clerkgate token %s --cookie)\" http://127.0.0.1:8080/\n", flags)
}

// exampleMachine is a machine to show commands with, one that may call another
// if possible; empty: there are none.
func (i *Instance) exampleMachine() string {
	if i.directory == nil {
		return machinePrefix + "1"
	}
	var chosen Machine
	for _, m := range i.directory.Machines {
		if chosen.ID == "" || len(chosen.Scopes) == 0 && len(m.Scopes) > 0 {
			chosen = m
		}
	}
	return chosen.ID
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

// knownSubjects is a hint that lists whom an API key may belong to.
func (d *Directory) knownSubjects() string {
	if d == nil || len(d.Organizations) == 0 {
		return d.knownUsers()
	}
	return d.knownUsers() + "; " + d.knownOrganizations()
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

// standing says what signing in as a user leads to.
func standing(u User) string {
	if u.Pending {
		return memberships(u) + "; sessions are pending"
	}
	return memberships(u)
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
