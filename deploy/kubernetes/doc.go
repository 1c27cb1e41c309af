// Package kubernetes is the folder of plain manifests: pod.yaml runs a service behind Envoy and Clerkgate in one Pod, to be
// applied with `kubectl apply -f pod.yaml` after its images, hosts and keys were replaced.
//
// There is no code to call. The tests guarantee that every document decodes strictly into its Kubernetes type, that the
// policy in it loads, that the Envoy configuration in it is deploy/envoy/envoy.yaml to the letter, and that no container runs
// with more rights than the restricted Pod Security Standard gives. They do not say that a cluster admits it.
package kubernetes
