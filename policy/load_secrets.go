package policy

import (
	"encoding/base64"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// How Clerk's keys begin.
const (
	developmentKey   = "pk_test_"
	productionKey    = "pk_live_"
	developmentKeySk = "sk_test_"
	productionKeySk  = "sk_live_"
	machineKey       = "ak_"
	machineID        = "mch_"
	webhookKey       = "whsec_"
)

// secretKeys reads the keys for Clerk's Backend API.
func (l *loader) secretKeys(c *Clerk, o *object) {
	c.SecretKey, c.SecretKeyFile = l.secretOrFile(o, "secretKey", "CLERK_SECRET_KEY", checkSecretKey)
	c.MachineSecretKey, c.MachineSecretKeyFile = l.secretOrFile(o, "machineSecretKey", "CLERK_MACHINE_SECRET_KEY", checkMachineSecretKey)
	if t, ok := o.text("machineId"); ok {
		c.MachineID = l.judgedKey("machineId", t, checkMachineID)
	}
	if t, ok := o.text("apiUrl"); ok {
		c.APIURL = l.judged(t, checkAPIURL)
	}
	l.sameInstance(c, c.SecretKey.Pos)
}

// secretOrFile reads a secret that stands in the policy, or in a file of its
// own. variable is the one that Clerk's SDKs read it from.
func (l *loader) secretOrFile(o *object, key, variable string, check func(string) *problemWithHint) (secret, file Text) {
	if t, ok := o.text(key); ok {
		l.inline(t, key, fmt.Sprintf("write %s: ${%s} and set that variable, or use %sFile", key, variable, key))
		secret = l.judgedKey(key, t, check)
	}
	fileKey := key + "File"
	if t, ok := o.text(fileKey); ok {
		file = l.judgedKey(fileKey, t, checkFileName)
	}
	_, both := o.fields[key]
	if n, there := o.fields[fileKey]; there && both {
		l.fail(place(n), fmt.Sprintf("%s and %s are both there", key, fileKey), "leave one of them out")
	}
	return secret, file
}

// judgedKey judges a text that may be a secret, whatever was meant: no message
// repeats it.
func (l *loader) judgedKey(key string, t scalar, check func(string) *problemWithHint) Text {
	if t.Unset {
		return t.Text
	}
	if p := check(t.Value); p != nil {
		l.fail(t.Pos, key+" "+p.message, p.hint)
	}
	return t.Text
}

// inline warns of a secret that whoever may read the policy can read.
func (l *loader) inline(t scalar, key, hint string) {
	if _, literal := maskSecret(t.raw); literal {
		l.warn(t.Pos, key+" is written into the policy, where everybody who may read the policy reads it", hint)
	}
}

// sameInstance refuses two keys of different instances: with them, another
// instance would vouch for callers.
func (l *loader) sameInstance(c *Clerk, pos Pos) {
	secret, public := c.SecretKey.Value, c.PublishableKey.Value
	production := strings.HasPrefix(secret, productionKeySk) && strings.HasPrefix(public, developmentKey)
	development := strings.HasPrefix(secret, developmentKeySk) && strings.HasPrefix(public, productionKey)
	if production || development {
		l.fail(pos, "the secret key and the publishable key are of different instances: one is for development, the other for production",
			"copy both from the same API keys page of Clerk's dashboard")
	}
}

// keyKind names what a text looks like, by its beginning; empty: like no key.
func keyKind(s string) string {
	switch {
	case strings.HasPrefix(s, developmentKey), strings.HasPrefix(s, productionKey):
		return "a publishable key"
	case strings.HasPrefix(s, developmentKeySk), strings.HasPrefix(s, productionKeySk):
		return "a secret key of the instance"
	case strings.HasPrefix(s, machineKey):
		return "a secret key of a machine"
	case strings.HasPrefix(s, machineID):
		return "the id of a machine"
	case strings.HasPrefix(s, webhookKey):
		return "the secret of a webhook"
	}
	return ""
}

// checkPublishableKey refuses other keys of Clerk; whether a publishable key is
// sound is for others to judge.
func checkPublishableKey(s string) *problemWithHint {
	if kind := keyKind(s); kind != "" && kind != "a publishable key" {
		return &problemWithHint{"is " + kind, "publishable keys begin with pk_live_ or pk_test_"}
	}
	return nil
}

func checkSecretKey(s string) *problemWithHint {
	const hint = "secret keys begin with sk_live_ or sk_test_"
	for _, prefix := range []string{productionKeySk, developmentKeySk} {
		if name, ok := strings.CutPrefix(s, prefix); ok {
			return checkKeyText(name)
		}
	}
	return wrongKey(s, "a secret key", hint)
}

func checkMachineSecretKey(s string) *problemWithHint {
	if name, ok := strings.CutPrefix(s, machineKey); ok {
		return checkKeyText(name)
	}
	return wrongKey(s, "the secret key of a machine", "secret keys of machines begin with ak_")
}

func checkMachineID(s string) *problemWithHint {
	name, ok := strings.CutPrefix(s, machineID)
	if ok && name != "" && nameCharacters(name) {
		return nil
	}
	return wrongKey(strings.TrimPrefix(s, machineID), "the id of a machine", "ids of machines are like mch_2abc")
}

func checkFileName(s string) *problemWithHint {
	if kind := keyKind(s); kind != "" {
		return &problemWithHint{"is " + kind + ", not the name of a file", "write the path of a file that holds the key"}
	}
	return nil
}

func wrongKey(s, want, hint string) *problemWithHint {
	if kind := keyKind(s); kind != "" {
		return &problemWithHint{"is " + kind, hint}
	}
	return &problemWithHint{"is not " + want, hint}
}

// checkKeyText judges what follows the beginning of a secret key.
func checkKeyText(s string) *problemWithHint {
	if s == "" || strings.Trim(s, "*.") == "" || !isVisible(s) {
		return &problemWithHint{"is not a whole key", "copy it again, without line breaks, spaces and stars"}
	}
	return nil
}

// webhook reads how requests of a webhook route are signed.
func (l *loader) webhook(r *Route, o *object) {
	for _, key := range []string{"access", "tokens", "require"} {
		if n, there := o.fields[key]; there && !l.broken[n] {
			l.fail(place(n), key+" does not go with webhook: the signature alone says who calls", "leave one of them out")
		}
	}
	w := o.object("webhook", inWebhook)
	if w == nil {
		return
	}
	r.Access, r.Webhook = AccessWebhook, &Webhook{Pos: w.pos}
	n, there := w.fields["secret"]
	if !there {
		l.fail(w.pos, "webhook has no secret", `write secret: "${CLERK_WEBHOOK_SIGNING_SECRET}"`)
		return
	}
	for _, t := range l.webhookSecrets(n) {
		l.inline(t, "secret", `write secret: "${CLERK_WEBHOOK_SIGNING_SECRET}" and set that variable`)
		r.Webhook.Secrets = append(r.Webhook.Secrets, l.judgedKey("secret", t, checkWebhookSecret))
	}
}

// webhookSecrets reads one secret or a list of them, and reports those that are
// there twice without repeating them.
func (l *loader) webhookSecrets(n *yaml.Node) []scalar {
	var out []scalar
	if n.Kind == yaml.SequenceNode && !l.broken[n] {
		out = l.elements(n, "secret")
	} else if t, ok := l.scalar(n, "secret"); ok {
		out = []scalar{t}
	}
	first := map[string]Pos{}
	for _, t := range out {
		key := t.Value
		if !t.Unset {
			key = strings.TrimPrefix(key, webhookKey)
		}
		if pos, twice := first[key]; twice {
			l.fail(t.Pos, "a secret is in the list twice", fmt.Sprintf("the first is on line %d", pos.Line))
			continue
		}
		first[key] = t.Pos
	}
	return out
}

// checkWebhookSecret wants the base64 of a key, with or without whsec_.
func checkWebhookSecret(s string) *problemWithHint {
	const hint = "copy the signing secret from the webhook's page in Clerk's dashboard; it begins with whsec_"
	text, prefixed := strings.CutPrefix(s, webhookKey)
	if kind := keyKind(s); kind != "" && !prefixed {
		return &problemWithHint{"is " + kind, hint}
	}
	key, err := base64.StdEncoding.DecodeString(text)
	switch {
	case err != nil || !isVisible(text):
		return &problemWithHint{"is not the secret of a webhook: what follows whsec_ is not base64", hint}
	case len(key) == 0:
		return &problemWithHint{"is not the secret of a webhook: there is nothing after whsec_", hint}
	}
	return nil
}
