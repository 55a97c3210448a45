package main

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
)

// The four kinds of call: name of the method, and which side streams.
var streams = map[string]grpc.StreamDesc{
	"unary":        {StreamName: "unary"},
	"clientStream": {StreamName: "clientStream", ClientStreams: true},
	"serverStream": {StreamName: "serverStream", ServerStreams: true},
	"bidi":         {StreamName: "bidi", ClientStreams: true, ServerStreams: true},
}

const service = "test.Echo"

// bytesCodec passes messages as they are, so that no generated code is needed. It goes by the name of the
// default, which is what a Node client says, or means by saying nothing.
type bytesCodec struct{}

func init() { encoding.RegisterCodec(bytesCodec{}) }

func (bytesCodec) Name() string { return "proto" }

func (bytesCodec) Marshal(message any) ([]byte, error) {
	bytes, ok := message.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("cannot marshal %T", message)
	}
	return *bytes, nil
}

func (bytesCodec) Unmarshal(bytes []byte, message any) error {
	target, ok := message.(*[]byte)
	if !ok {
		return fmt.Errorf("cannot unmarshal into %T", message)
	}
	*target = append([]byte(nil), bytes...)
	return nil
}

// deadlineHeaders is what a Go service does to pass its context's deadline on over plain HTTP.
type deadlineHeaders struct {
	names []string
	next  http.RoundTripper
}

func (t deadlineHeaders) RoundTrip(request *http.Request) (*http.Response, error) {
	deadline, ok := request.Context().Deadline()
	if !ok {
		return t.next.RoundTrip(request)
	}
	// A RoundTripper must not change the request that it was given.
	request = request.Clone(request.Context())
	for _, name := range t.names {
		switch name {
		case "X-Request-Deadline":
			request.Header.Set(name, strconv.FormatInt(deadline.UnixMilli(), 10))
		case "Timeout-Ms":
			request.Header.Set(name, strconv.FormatInt(time.Until(deadline).Milliseconds(), 10))
		default:
			return nil, fmt.Errorf("unknown deadline header %q", name)
		}
	}
	return t.next.RoundTrip(request)
}
