package extauthz

import (
	"context"
	"strings"
	"sync"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	protobuf "google.golang.org/protobuf/proto"

	"github.com/clerkgate/clerkgate/authz"
)

// codec reads checks and hands over answers in their encoding. Messages of other
// services go through gRPC's own codec for Protocol Buffers.
type codec struct {
	encoding.CodecV2
	reader  *reader
	answers *answerPool
}

func newCodec() *codec {
	return &codec{CodecV2: encoding.GetCodecV2(proto.Name), reader: newReader(), answers: new(answerPool)}
}

// Unmarshal reads a check. The data belongs to gRPC again when it returns, so it
// copies them, once; whatever keeps a part of the request keeps that copy.
func (c *codec) Unmarshal(data mem.BufferSlice, v any) error {
	x, ours := v.(*exchange)
	if !ours {
		return c.CodecV2.Unmarshal(data, v)
	}
	return x.read(c.reader, textOf(data))
}

// Marshal hands over an answer that was written already.
func (c *codec) Marshal(v any) (mem.BufferSlice, error) {
	x, ours := v.(*exchange)
	if !ours {
		return c.CodecV2.Marshal(v)
	}
	x.out[0], x.answer = mem.NewBuffer(x.answer, c.answers), nil
	return x.out[:], nil
}

func textOf(data mem.BufferSlice) string {
	if len(data) == 1 {
		return string(data[0].ReadOnlyData())
	}
	var b strings.Builder
	b.Grow(data.Len())
	for _, part := range data {
		b.Write(part.ReadOnlyData())
	}
	return b.String()
}

// usualHeaders is how many headers have room in an exchange. A browser sends
// about 20, Envoy adds up to 10.
const usualHeaders = 32

// exchange is one check and its answer, on its way through gRPC.
type exchange struct {
	request authz.Request
	headers [usualHeaders]authz.Header
	answer  *[]byte // encoded
	out     [1]mem.Buffer
}

// read reads the check. What the reader does not read is decoded: most of it is
// refused then, with the error that every other service would give.
func (x *exchange) read(r *reader, text string) error {
	defer func() {
		if recover() != nil {
			x.request = authz.Request{Malformed: malformedUnread}
		}
	}()
	if r.read(text, &x.request, x.headers[:]) {
		return nil
	}
	var check authv3.CheckRequest
	if err := protobuf.Unmarshal([]byte(text), &check); err != nil {
		return err
	}
	x.request = readRequest(&check)
	return nil
}

// wireService implements the Check method on encoded messages.
type wireService struct {
	engine *authz.Engine
	codec  *codec
	traces bool
}

// desc describes the service to gRPC as the generated code does, except that
// Check takes and returns an exchange.
func (s *wireService) desc() *grpc.ServiceDesc {
	d := authv3.Authorization_ServiceDesc
	d.HandlerType = (*any)(nil)
	d.Methods = []grpc.MethodDesc{{MethodName: "Check", Handler: checkEncoded}}
	return &d
}

// checkEncoded does for a wireService what the generated code does for others.
func checkEncoded(service any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
	s, x := service.(*wireService), new(exchange)
	if err := decode(x); err != nil {
		return nil, err
	}
	if interceptor == nil {
		s.check(ctx, x)
		return x, nil
	}
	info := &grpc.UnaryServerInfo{Server: service, FullMethod: authv3.Authorization_Check_FullMethodName}
	return interceptor(ctx, x, info, func(ctx context.Context, _ any) (any, error) {
		s.check(ctx, x)
		return x, nil
	})
}

// check answers one ext_authz call.
func (s *wireService) check(ctx context.Context, x *exchange) {
	x.answer = s.codec.answers.get()
	defer func() {
		if recover() != nil { // the engine recovers its own; this is for the translation
			*x.answer = appendResponse((*x.answer)[:0], &authz.Answer{})
		}
	}()
	if s.traces {
		x.request.Trace = traceOf(ctx)
	}
	answer := s.engine.Check(ctx, &x.request)
	*x.answer = appendResponse((*x.answer)[:0], &answer)
}

// answerPool keeps the buffers of answers. gRPC puts them back when they are
// written.
type answerPool struct{ pool sync.Pool }

const (
	// usualAnswer is more than most answers are long. It must be more than what
	// gRPC finds not worth pooling, 1 KiB.
	usualAnswer = 2 << 10
	// longestKept bounds the buffers that are kept.
	longestKept = 64 << 10
)

func (p *answerPool) get() *[]byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, usualAnswer)
	return &b
}

// Get implements [mem.BufferPool].
func (p *answerPool) Get(length int) *[]byte {
	b := p.get()
	if cap(*b) < length {
		*b = make([]byte, length)
	}
	*b = (*b)[:length]
	return b
}

// Put implements [mem.BufferPool].
func (p *answerPool) Put(b *[]byte) {
	if cap(*b) <= longestKept {
		p.pool.Put(b)
	}
}
