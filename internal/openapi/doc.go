// Package openapi compares a policy with descriptions of the API that it guards.
//
// Call [Read] for every description, then [Compare]:
//
//	description, problems := openapi.Read("api.yaml", src)
//	findings := openapi.Compare(p, description)
//
// Compare names every operation that no route but a catch-all covers, and every
// route that no operation has.
//
// # What is read
//
// OpenAPI 3.0, 3.1 and 3.2 (https://spec.openapis.org/oas/) and Swagger 2.0, as
// YAML or JSON: the methods of paths, additionalOperations, operationId, and
// servers (host and basePath) of the document, the path and the operation, the
// variables of servers with their defaults. A path item may be a reference into
// the same document (#/…). Everything else is ignored, and so are webhooks and
// callbacks: nobody sends their requests to this API.
//
// # Guarantees
//
//   - Nothing is fetched and no other file is opened. A reference to one is a
//     problem, because the operations behind it would be missed.
//   - What is not understood where operations are named is a problem with file,
//     line, column and caret, and then there is no description.
//   - Size, depth and the number of operations are bounded. Aliases and references
//     are followed, never expanded.
//
// # What covers an operation
//
// An operation is a set of requests: each parameter of its path is any one
// segment, or part of one, that is not empty. The routes are asked by the matcher
// that serves, with values for the parameters that stand in no pattern, so that
// the route found is the one for every value that the policy does not name. A
// route that takes only some values covers nothing.
//
// A server's host counts if the description gives it and it is not this machine.
// Otherwise an operation is covered if it is on a host that some route names or
// on one that none does. A context of Envoy is taken to be what the route wants.
package openapi
