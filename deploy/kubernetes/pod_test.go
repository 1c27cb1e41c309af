package kubernetes_test

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"

	envoyconfig "github.com/clerkgate/clerkgate/deploy/envoy"
	"github.com/clerkgate/clerkgate/policy"
)

var update = flag.Bool("update", false, "copy deploy/envoy/envoy.yaml into pod.yaml")

func TestEveryDocumentIsKubernetes(t *testing.T) {
	var kinds []string
	for _, object := range manifest(t) {
		kinds = append(kinds, object.GetObjectKind().GroupVersionKind().Kind)
	}
	if diff := cmp.Diff([]string{"ConfigMap", "Pod", "Service", "NetworkPolicy", "ConfigMap"}, kinds); diff != "" {
		t.Error(diff)
	}
}

// The decoder that the tests above and below lean on does refuse what it should.
func TestDecodingIsStrict(t *testing.T) {
	for name, document := range map[string]string{
		"unknown field":   "apiVersion: v1\nkind: Pod\nspec: {runAsNonRoot: true}\n",
		"duplicate field": "apiVersion: v1\nkind: Pod\nspec: {hostNetwork: false, hostNetwork: true}\n",
		"unknown kind":    "apiVersion: v1\nkind: Pud\n",
		"wrong type":      "apiVersion: v1\nkind: Pod\nspec: {hostNetwork: 1}\n",
	} {
		if _, err := decode(t, document); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestThePolicyLoads(t *testing.T) {
	source := configMap(t, "invoices-clerkgate").Data["policy.yaml"]
	loaded, problems := policy.Load("policy.yaml", []byte(source), policy.Options{Env: environment(container(t, "clerkgate"))})
	for _, problem := range problems {
		t.Error(problem)
	}
	if loaded == nil || len(loaded.Clerk) != 1 {
		t.Fatal("the policy has no Clerk instance")
	}
	// Envoy's readiness probe comes without credentials.
	path, err := loaded.ReadPath(container(t, "envoy").ReadinessProbe.HTTPGet.Path)
	if err != nil {
		t.Fatal(err)
	}
	match, err := loaded.Match(&policy.Request{Method: "GET", Host: "10.0.0.1", Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if policy.Decide(match, nil, nil).Outcome != policy.Passed {
		t.Error("the readiness probe of Envoy would be denied")
	}
}

func TestTheEnvoyConfigurationIsTheFile(t *testing.T) {
	if *update {
		updateCopy(t)
	}
	got := configMap(t, "invoices-envoy").Data["envoy.yaml"]
	if diff := cmp.Diff(string(envoyconfig.Source()), got); diff != "" {
		t.Errorf("run go test ./deploy/kubernetes -update:\n%s", diff)
	}
}

func updateCopy(t *testing.T) {
	t.Helper()
	source := read(t)
	const key = "  envoy.yaml: |\n"
	at := strings.LastIndex(source, key)
	if at < 0 {
		t.Fatalf("pod.yaml has no line %q", key)
	}
	var b bytes.Buffer
	b.WriteString(source[:at] + key)
	for line := range strings.Lines(string(envoyconfig.Source())) {
		if line != "\n" {
			b.WriteString("    ")
		}
		b.WriteString(line)
	}
	if err := os.WriteFile("pod.yaml", b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// What the manifest promises about names, ports and paths fits together and fits Envoy's file.
func TestThePartsFitTogether(t *testing.T) {
	clerkgate, envoy := container(t, "clerkgate"), container(t, "envoy")
	file := string(envoyconfig.Source())
	if !slices.Contains(clerkgate.Args, "--listen=unix:///run/clerkgate/authz.sock") || !strings.Contains(file, "path: /run/clerkgate/authz.sock") {
		t.Error("Clerkgate and Envoy mean different sockets")
	}
	if !slices.Contains(clerkgate.Args, "--policy=/etc/clerkgate/policy.yaml") || mount(clerkgate, "/etc/clerkgate") != "policy" {
		t.Error("Clerkgate does not find its policy")
	}
	if mount(clerkgate, "/run/clerkgate") != "socket" || mount(envoy, "/run/clerkgate") != "socket" {
		t.Error("the socket is not shared")
	}
	if port := envoy.Ports[0]; port.Name != "http" || port.ContainerPort != 10000 || !strings.Contains(file, "port_value: 10000") {
		t.Errorf("Envoy's port is %v", port)
	}
	if got := container(t, "invoices").Args; !slices.Contains(got, "--port=8080") || !strings.Contains(file, "port_value: 8080") {
		t.Errorf("the service listens as %v, and Envoy asks elsewhere", got)
	}
	if names := initNames(t); !slices.Equal(names, []string{"clerkgate", "envoy"}) {
		t.Errorf("sidecars start as %v; Clerkgate must be first", names)
	}
	for _, sidecar := range pod(t).Spec.InitContainers {
		if sidecar.RestartPolicy == nil || *sidecar.RestartPolicy != corev1.ContainerRestartPolicyAlways {
			t.Errorf("%s is no native sidecar", sidecar.Name)
		}
		if sidecar.StartupProbe == nil || sidecar.ReadinessProbe == nil || sidecar.LivenessProbe == nil {
			t.Errorf("%s lacks a probe", sidecar.Name)
		}
	}
	for _, object := range manifest(t) {
		if service, ok := object.(*corev1.Service); ok && service.Spec.Ports[0].TargetPort.IntValue() != 10000 {
			t.Error("the Service leads past Envoy")
		}
		if rule, ok := object.(*networkingv1.NetworkPolicy); ok && rule.Spec.Ingress[0].Ports[0].Port.IntValue() != 10000 {
			t.Error("the NetworkPolicy opens another port than Envoy's")
		}
	}
}

// The restricted Pod Security Standard, and a read-only root on top.
func TestNoContainerHasRightsToSpare(t *testing.T) {
	spec := pod(t).Spec
	if spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken {
		t.Error("the service account's token is mounted")
	}
	shared := spec.SecurityContext
	if shared.RunAsNonRoot == nil || !*shared.RunAsNonRoot || shared.FSGroup == nil || shared.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("the Pod's security context is %v", shared)
	}
	if spec.HostNetwork || spec.HostPID || spec.HostIPC || len(spec.Volumes) != 4 {
		t.Error("the Pod reaches into the host, or has a volume that nobody asked for")
	}
	for _, c := range containers(t) {
		own := c.SecurityContext
		if own.RunAsUser == nil || *own.RunAsUser == 0 || own.RunAsGroup == nil || *own.RunAsGroup == 0 {
			t.Errorf("%s has no user or group of its own", c.Name)
		}
		if own.AllowPrivilegeEscalation == nil || *own.AllowPrivilegeEscalation || own.ReadOnlyRootFilesystem == nil || !*own.ReadOnlyRootFilesystem {
			t.Errorf("%s may escalate or write to its root", c.Name)
		}
		if !slices.Equal(own.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(own.Capabilities.Add) > 0 || own.Privileged != nil {
			t.Errorf("%s has capabilities: %v", c.Name, own.Capabilities)
		}
		if c.Resources.Requests.Cpu().IsZero() || c.Resources.Limits.Memory().IsZero() {
			t.Errorf("%s asks for no CPU or has no memory limit", c.Name)
		}
		if strings.HasSuffix(c.Image, ":latest") || !strings.Contains(c.Image, ":") {
			t.Errorf("%s: image %s is not pinned", c.Name, c.Image)
		}
	}
}

// manifest decodes every document of pod.yaml.
func manifest(t *testing.T) []runtime.Object {
	t.Helper()
	var objects []runtime.Object
	for _, document := range strings.Split(read(t), "\n---\n") {
		object, err := decode(t, document)
		if err != nil {
			t.Fatalf("%v\n%s", err, document)
		}
		objects = append(objects, object)
	}
	return objects
}

func read(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile("pod.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

func decode(t *testing.T, document string) (runtime.Object, error) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, networkingv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	serializer := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
	object, _, err := serializer.Decode([]byte(document), nil, nil)
	return object, err
}

func pod(t *testing.T) *corev1.Pod {
	t.Helper()
	for _, object := range manifest(t) {
		if pod, ok := object.(*corev1.Pod); ok {
			return pod
		}
	}
	t.Fatal("no Pod")
	return nil
}

func containers(t *testing.T) []corev1.Container {
	t.Helper()
	spec := pod(t).Spec
	return slices.Concat(spec.InitContainers, spec.Containers)
}

func container(t *testing.T, name string) corev1.Container {
	t.Helper()
	for _, c := range containers(t) {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no container %s", name)
	return corev1.Container{}
}

func initNames(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, c := range pod(t).Spec.InitContainers {
		names = append(names, c.Name)
	}
	return names
}

func configMap(t *testing.T, name string) *corev1.ConfigMap {
	t.Helper()
	for _, object := range manifest(t) {
		if found, ok := object.(*corev1.ConfigMap); ok && found.Name == name {
			return found
		}
	}
	t.Fatalf("no ConfigMap %s", name)
	return nil
}

// environment looks variables up as the container would.
func environment(c corev1.Container) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, variable := range c.Env {
			if variable.Name == name {
				return variable.Value, true
			}
		}
		return "", false
	}
}

// mount names the volume at a path of a container.
func mount(c corev1.Container, path string) string {
	for _, m := range c.VolumeMounts {
		if m.MountPath == path {
			return m.Name
		}
	}
	return ""
}
