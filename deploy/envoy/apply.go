package envoyconfig

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Apply changes the document as o says. On an error the document may be changed in part.
func (d *Document) Apply(o Options) error {
	var errs []error
	if o.Listen != "" {
		errs = append(errs, d.setSocket(listener("address", "socket_address"), o.Listen))
	}
	if o.Admin != "" {
		errs = append(errs, d.setAdmin(o.Admin))
	}
	if o.Authz != "" {
		errs = append(errs, d.setEndpoint("clerkgate", o.Authz))
	}
	if o.Service != "" {
		errs = append(errs, d.setEndpoint("service", o.Service))
	}
	for _, backend := range o.Also {
		errs = append(errs, d.addBackend(backend))
	}
	if o.AuthzTimeout != 0 {
		errs = append(errs, d.setTimeout(o.AuthzTimeout))
	}
	if o.NoAccessLog {
		errs = append(errs, d.Remove(Manager("access_log")))
	}
	return errors.Join(errs...)
}

func (d *Document) setAdmin(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("admin address: %w", err)
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
		return fmt.Errorf("admin address %q: not a loopback address; whoever reaches it can stop Envoy and read its configuration", address)
	}
	return d.setSocket(Path{"admin", "address", "socket_address"}, address)
}

// setSocket writes host and port into a socket_address that is there, and so checks that the file still has one.
func (d *Document) setSocket(path Path, address string) error {
	host, port, err := splitAddress(address)
	if err != nil {
		return err
	}
	return errors.Join(d.Set(path.At("address"), host), d.Set(path.At("port_value"), port))
}

// setEndpoint points the only endpoint of a cluster at a host:port or a unix socket, whatever kind it had before.
func (d *Document) setEndpoint(cluster, address string) error {
	path := Cluster(cluster, "load_assignment", "endpoints", 0, "lb_endpoints", 0, "endpoint", "address")
	if socket, ok := socketPath(address); ok {
		return d.Set(path, map[string]any{"pipe": map[string]any{"path": socket}})
	}
	host, port, err := splitAddress(address)
	if err != nil {
		return err
	}
	return d.Set(path, map[string]any{"socket_address": map[string]any{"address": host, "port_value": port}})
}

// addBackend puts a route before the file's last, which is for everything and its model, and a cluster like "service".
func (d *Document) addBackend(backend Backend) error {
	if !strings.HasPrefix(backend.Prefix, "/") || strings.HasSuffix(backend.Prefix, "/") {
		return fmt.Errorf("prefix %q: want a path that begins with a slash and does not end with one", backend.Prefix)
	}
	if _, taken := d.Get(Cluster(backend.Name)); taken || backend.Name == "" {
		return fmt.Errorf("name %q: empty or taken by another cluster", backend.Name)
	}
	routes := Manager("route_config", "virtual_hosts", Named("all"), "routes")
	list, _ := d.Get(routes)
	items, _ := list.([]any)
	i := max(len(items)-1, 0)
	err := errors.Join(
		d.insert(routes, i, routes.At(i)),
		d.insert(Path{"static_resources", "clusters"}, 0, Cluster("service")),
	)
	if err != nil {
		return err
	}
	cluster := Path{"static_resources", "clusters", 0}
	return errors.Join(
		d.Set(routes.At(i, "match"), map[string]any{"path_separated_prefix": backend.Prefix}),
		d.Set(routes.At(i, "route", "cluster"), backend.Name),
		d.Set(cluster.At("name"), backend.Name),
		d.Set(cluster.At("load_assignment", "cluster_name"), backend.Name),
		d.setEndpoint(backend.Name, backend.Address),
	)
}

// setTimeout writes the time for a check. Envoy takes the longest back-off for the time limit of each try as well, so the
// two must not differ.
func (d *Document) setTimeout(timeout time.Duration) error {
	if timeout < time.Millisecond {
		return fmt.Errorf("timeout %s: less than a millisecond", timeout)
	}
	text := strconv.FormatFloat(timeout.Round(time.Millisecond).Seconds(), 'f', 3, 64) + "s"
	return errors.Join(
		d.Set(Filter("grpc_service", "timeout"), text),
		d.Set(Filter("grpc_service", "retry_policy", "retry_back_off", "max_interval"), text),
	)
}

func socketPath(address string) (string, bool) {
	if path, ok := strings.CutPrefix(address, "unix://"); ok {
		return path, true
	}
	return address, strings.HasPrefix(address, "/")
}

// splitAddress insists on an IP address: the clusters are STATIC, and Envoy resolves no name for those.
func splitAddress(address string) (string, int, error) {
	parsed, err := netip.ParseAddrPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("address %q: want an IP address and a port, as 127.0.0.1:9000", address)
	}
	return parsed.Addr().String(), int(parsed.Port()), nil
}
