package telemetry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"golang.org/x/net/http/httpguts"
)

// SettingError is an OTEL_* variable with which tracing cannot begin. Its texts
// never repeat the value, which may be a secret.
type SettingError struct {
	Variable, Problem string
	Hint              string // the likely repair; empty if there is none to tell
}

// Error names the variable.
func (e *SettingError) Error() string { return e.Variable + ": " + e.Problem }

// serviceName is the name under which spans are found unless a variable says
// otherwise.
const serviceName = "clerkgate"

// Where a collector listens unless a variable says otherwise (OpenTelemetry
// Protocol Exporter, "Endpoint").
const (
	defaultHTTPEndpoint = "http://localhost:4318/v1/traces"
	defaultGRPCEndpoint = "http://localhost:4317"
)

// Protocols by which spans are sent.
const (
	protocolGRPC = "grpc"
	protocolHTTP = "http/protobuf"
	protocolJSON = "http/json"
)

// variables are the OTEL_* variables of the environment. The exporters read most of
// their own by themselves, and pass over in silence what they cannot read.
type variables struct {
	logger *slog.Logger
	read   func(file string) ([]byte, error)
}

// get returns a variable; empty is the same as not set (OpenTelemetry Environment
// Variable Specification, "Parsing empty value").
func get(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// ignore says that a value is not used.
func (v variables) ignore(name, problem string) {
	v.logger.Warn("a variable is ignored", "variable", name, "reason", problem)
}

// allSignals begins the variables of the exporter that are not about traces alone.
const allSignals = "OTEL_EXPORTER_OTLP_"

// otlp returns the name of a variable of the exporter, for traces or for all
// signals, and its value.
func otlp(suffix string) (name, value string) {
	for _, prefix := range [...]string{"OTEL_EXPORTER_OTLP_TRACES_", allSignals} {
		if name = prefix + suffix; get(name) != "" {
			return name, get(name)
		}
	}
	return name, ""
}

// choice returns the value of a variable in lower case if it is one of those that
// are known, else nothing.
func (v variables) choice(name, value string, known ...string) string {
	value = strings.ToLower(value)
	if value == "" || slices.Contains(known, value) {
		return value
	}
	v.ignore(name, "not one of "+strings.Join(known, ", "))
	return ""
}

// number returns the value of a variable if it is a number from 1 to a bound, else
// the default.
func (v variables) number(name, value string, most, otherwise int) int {
	if value == "" {
		return otherwise
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > most {
		v.ignore(name, "not a number between 1 and "+strconv.Itoa(most))
		return otherwise
	}
	return n
}

// wantTraces reports whether the variables ask for traces. Variables that do not
// matter then are not looked at.
func (v variables) wantTraces() bool {
	return v.asked() && v.choice("OTEL_SDK_DISABLED", get("OTEL_SDK_DISABLED"), "true", "false") != "true" && v.joinsTraces()
}

// asked reports whether there is somewhere to send traces to.
func (v variables) asked() bool {
	const name = "OTEL_TRACES_EXPORTER"
	_, endpoint := otlp("ENDPOINT")
	asked := endpoint != ""
	for each := range strings.SplitSeq(get(name), ",") {
		switch v.choice(name, strings.TrimSpace(each), "otlp", "none") {
		case "none":
			return false
		case "otlp":
			asked = true
		}
	}
	return asked
}

// joinsTraces reports whether the propagators have the one that Envoy's traces are
// joined by.
func (v variables) joinsTraces() bool {
	const name, ours = "OTEL_PROPAGATORS", "tracecontext"
	value := get(name)
	if value == "" {
		return true
	}
	joins := false
	for each := range strings.SplitSeq(value, ",") {
		joins = v.choice(name, strings.TrimSpace(each), ours, "baggage", "none") == ours || joins
	}
	if !joins {
		v.logger.Info("tracing is off: there is no propagator to join traces by", "variable", name, "hint", "add "+ours)
	}
	return joins
}

// sampler returns which of the spans with a sampled parent are made; nil: none. The
// samplers that go by the parent make all of them.
func (v variables) sampler() sdktrace.Sampler {
	const name, argument = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
	switch v.choice(name, get(name), "parentbased_always_on", "always_on", "always_off", "traceidratio", "parentbased_always_off", "parentbased_traceidratio") {
	case "always_off":
		return nil
	case "traceidratio":
		ratio := 1.0
		if value := get(argument); value != "" {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil || !(0 <= n && n <= 1) {
				v.ignore(argument, "not a number between 0 and 1")
			} else {
				ratio = n
			}
		}
		return sdktrace.TraceIDRatioBased(ratio)
	}
	return sdktrace.AlwaysSample()
}

// exporter returns the exporter for the protocol.
func (v variables) exporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	name, value := otlp("PROTOCOL")
	protocol := v.choice(name, value, protocolHTTP, protocolGRPC, protocolJSON)
	endpoint, err := v.endpoint(protocol)
	if err != nil {
		return nil, err
	}
	name, value = otlp("COMPRESSION")
	v.choice(name, value, "gzip", "none")
	name, value = otlp("TIMEOUT")
	timeout := time.Duration(v.number(name, value, maxDelay, 10_000)) * time.Millisecond
	var exporter sdktrace.SpanExporter
	switch {
	case protocol != protocolGRPC:
		exporter, err = otlptracehttp.New(ctx, otlptracehttp.WithTimeout(timeout), otlptracehttp.WithEndpointURL(endpoint))
	case strings.HasPrefix(endpoint, "unix:"): // it reads the variable
		exporter, err = otlptracegrpc.New(ctx, otlptracegrpc.WithTimeout(timeout))
	default:
		exporter, err = otlptracegrpc.New(ctx, otlptracegrpc.WithTimeout(timeout), otlptracegrpc.WithEndpointURL(endpoint))
	}
	return exporter, exporterError(err)
}

// exporterError is what the exporter itself does not like about its variables.
func exporterError(err error) error {
	if err == nil {
		return nil
	}
	return &SettingError{"OTEL_EXPORTER_OTLP_*", err.Error(), ""}
}

// endpoint returns the URL to send to. The error is about it, and about what else the
// exporter would use in part, or not at all.
func (v variables) endpoint(protocol string) (endpoint string, err error) {
	name, endpoint := otlp("ENDPOINT")
	switch {
	case endpoint == "" && protocol == protocolGRPC:
		endpoint = defaultGRPCEndpoint
	case endpoint == "":
		endpoint = defaultHTTPEndpoint
	case !isEndpoint(endpoint, protocol):
		return "", &SettingError{name, "not a URL with http:// or https://", "write it whole, as http://collector:4318 or, for grpc, http://collector:4317"}
	case protocol != protocolGRPC && name == allSignals+"ENDPOINT":
		if endpoint, err = url.JoinPath(endpoint, "v1/traces"); err != nil {
			return "", exporterError(err)
		}
	}
	if name, headers := otlp("HEADERS"); headers != "" && !areHeaders(headers) {
		return "", &SettingError{name, "not a list of headers", "write name=value,name=value with values in percent-encoding"}
	}
	return endpoint, v.checkCertificates()
}

func isEndpoint(text, protocol string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	switch u.Scheme {
	case "http", "https":
		return u.Host != ""
	case "unix":
		return protocol == protocolGRPC
	}
	return false
}

func areHeaders(list string) bool {
	for pair := range strings.SplitSeq(list, ",") {
		name, value, found := strings.Cut(pair, "=")
		value, err := url.PathUnescape(value)
		if !found || err != nil || !httpguts.ValidHeaderFieldName(strings.TrimSpace(name)) || !httpguts.ValidHeaderFieldValue(value) {
			return false
		}
	}
	return true
}

// checkCertificates reads the files that the exporter is going to read.
func (v variables) checkCertificates() error {
	const ask = "it has to be a file in PEM that clerkgate can read"
	if name, file := otlp("CERTIFICATE"); file != "" {
		pem, err := v.read(file)
		if err != nil || !x509.NewCertPool().AppendCertsFromPEM(pem) {
			return &SettingError{name, "no certificates can be read from it", ask}
		}
	}
	certificateName, certificate := otlp("CLIENT_CERTIFICATE")
	keyName, key := otlp("CLIENT_KEY")
	switch {
	case certificate == "" && key == "":
		return nil
	case certificate == "":
		return &SettingError{keyName, "there is no certificate to this key", "set " + certificateName}
	case key == "":
		return &SettingError{certificateName, "there is no key to this certificate", "set " + keyName}
	}
	if _, err := tls.LoadX509KeyPair(certificate, key); err != nil {
		return &SettingError{certificateName, "it cannot be used with " + keyName, ask}
	}
	return nil
}

// resource is what all spans have in common.
func (v variables) resource(ctx context.Context, version string) (*resource.Resource, error) {
	const name, service = "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME"
	options := []resource.Option{
		resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", serviceName), attribute.String("service.version", version)),
	}
	decoded, ok := decodeAttributes(get(name))
	switch {
	case !utf8.ValidString(decoded): // no span could be sent with it
		return nil, &SettingError{name, "not in UTF-8", ""}
	case !utf8.ValidString(get(service)):
		return nil, &SettingError{service, "not in UTF-8", ""}
	case ok:
		return resource.New(ctx, append(options, resource.WithFromEnv())...)
	}
	v.ignore(name, "not a list of key=value with values in percent-encoding")
	if value := get(service); value != "" {
		options = append(options, resource.WithAttributes(attribute.String("service.name", value)))
	}
	return resource.New(ctx, options...)
}

// decodeAttributes returns a list of attributes with its values decoded, and whether
// it is one.
func decodeAttributes(list string) (decoded string, ok bool) {
	if list == "" {
		return "", true
	}
	decoded, ok = "", true
	for pair := range strings.SplitSeq(list, ",") {
		key, value, found := strings.Cut(pair, "=")
		plain, err := url.PathUnescape(value)
		ok = ok && found && err == nil && strings.TrimSpace(key) != ""
		decoded += key + plain
	}
	return decoded, ok
}

// maxDelay bounds times, in milliseconds: an hour.
const maxDelay = 3_600_000

// batching says in which batches spans are sent.
type batching struct {
	delay, timeout time.Duration
	queue, size    int
}

// batches reads it. OpenTelemetry's own reader takes a negative size.
func (v variables) batches() batching {
	number := func(name string, most, otherwise int) int { return v.number(name, get(name), most, otherwise) }
	b := batching{
		delay:   time.Duration(number("OTEL_BSP_SCHEDULE_DELAY", maxDelay, sdktrace.DefaultScheduleDelay)) * time.Millisecond,
		timeout: time.Duration(number("OTEL_BSP_EXPORT_TIMEOUT", maxDelay, sdktrace.DefaultExportTimeout)) * time.Millisecond,
		queue:   number("OTEL_BSP_MAX_QUEUE_SIZE", 1<<20, sdktrace.DefaultMaxQueueSize),
	}
	b.size = number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", b.queue, min(sdktrace.DefaultMaxExportBatchSize, b.queue))
	return b
}

func (b batching) options() []sdktrace.BatchSpanProcessorOption {
	return []sdktrace.BatchSpanProcessorOption{
		sdktrace.WithBatchTimeout(b.delay), sdktrace.WithExportTimeout(b.timeout),
		sdktrace.WithMaxQueueSize(b.queue), sdktrace.WithMaxExportBatchSize(b.size),
	}
}
