package jwks_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"

	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/jwks/jwkstest"
)

func ExampleSource() {
	endpoint := jwkstest.NewEndpoint(signer("ins_one"))
	server := httptest.NewServer(endpoint)
	defer server.Close()

	source, err := jwks.NewSource(jwks.Config{URL: server.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- source.Run(ctx) }()
	<-source.Ready()

	endpoint.Publish(signer("ins_two")) // a rotation
	for _, kid := range []string{"ins_two", "ins_one", "ins_forged"} {
		key, err := source.Key(kid)
		if errors.Is(err, jwks.ErrFetchNeeded) {
			key, err = source.Await(ctx, kid)
		}
		fmt.Println(kid, key != nil, err)
	}
	stop()
	fmt.Println(<-ended, endpoint.Fetches())
	// Output:
	// ins_two true <nil>
	// ins_one false unknown key
	// ins_forged false unknown key
	// <nil> 2
}

func ExampleParsePEM() {
	_, err := jwks.ParsePEM("pk_test_Y2xlcmsuZXhhbXBsZS5jb20k")
	fmt.Println(err)
	// Output:
	// this is a publishable key, not a PEM public key; copy the PEM public key (JWT public key) from the API keys page of the Clerk dashboard
}
