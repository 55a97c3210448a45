package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// What a handler saw: that it was entered, and later, in a line of its own, what its context ended with:
// "context canceled" or "context deadline exceeded".
type sighting struct {
	Entered string `json:"entered,omitempty"`
	Saw     string `json:"saw,omitempty"`
	// What was left of the time when it was entered, in ms; absent when there was no limit.
	LeftMs *float64 `json:"leftMs,omitempty"`
	// The trace context that came with the call.
	Traceparent string `json:"traceparent,omitempty"`
}

// serve runs until stdin ends, so that it cannot outlive the test that started it.
func serve() error {
	grpcListener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	httpListener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	secureListener, secrets, err := secure()
	if err != nil {
		return err
	}
	grpcServer := grpc.NewServer()
	grpcServer.RegisterService(&description, nil)
	var all http.Protocols
	all.SetHTTP1(true)
	all.SetHTTP2(true)
	all.SetUnencryptedHTTP2(true)
	httpServer := http.Server{Handler: http.HandlerFunc(serveHTTP), Protocols: &all, TLSConfig: secrets}
	failed := make(chan error, 3)
	go func() { failed <- grpcServer.Serve(grpcListener) }()
	go func() { failed <- httpServer.Serve(httpListener) }()
	go func() { failed <- httpServer.ServeTLS(secureListener, "", "") }()
	say(map[string]string{
		"grpc":  grpcListener.Addr().String(),
		"http":  httpListener.Addr().String(),
		"https": secureListener.Addr().String(),
	})
	stdinEnded := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		stdinEnded <- err
	}()
	select {
	case err := <-failed:
		return err
	case err := <-stdinEnded:
		return err
	}
}

var description = grpc.ServiceDesc{ServiceName: service, Streams: allStreams()}

func allStreams() []grpc.StreamDesc {
	var all []grpc.StreamDesc
	for _, stream := range streams {
		name := stream.StreamName
		stream.Handler = func(_ any, stream grpc.ServerStream) error { return handle(name, stream) }
		all = append(all, stream)
	}
	return all
}

// handle does what the call's metadata says under "do": "wait" until the call is cancelled, "header", "first" and "half" the same after
// a header, one message, the end of what the client sends; "ask" and "deaf" ask whom "callback" names (ask.go); "flood" sends until it is cancelled, "Canceled" and "DeadlineExceeded" answer with that code; without it, it answers at once.
func handle(name string, stream grpc.ServerStream) error {
	var message []byte
	if err := stream.RecvMsg(&message); err != nil {
		return err
	}
	incoming, _ := metadata.FromIncomingContext(stream.Context())
	enter(stream.Context(), name, strings.Join(incoming.Get("traceparent"), ","))
	switch strings.Join(incoming.Get("do"), ",") {
	case "wait":
		return wait(stream.Context())
	case "header":
		if err := stream.SendHeader(metadata.MD{}); err != nil {
			return err
		}
		return wait(stream.Context())
	case "half":
		for stream.RecvMsg(&message) == nil {
		}
		return wait(stream.Context())
	case "ask", "deaf":
		ctx := stream.Context()
		if incoming.Get("do")[0] == "deaf" {
			ctx = context.Background()
		}
		if err := ask(ctx, strings.Join(incoming.Get("callback"), ",")); err != nil {
			return status.FromContextError(err).Err()
		}
	case "flood":
		for stream.SendMsg(&message) == nil {
		}
		return wait(stream.Context())
	case "first":
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
		return wait(stream.Context())
	case "Canceled":
		return status.Error(codes.Canceled, "not today")
	case "DeadlineExceeded":
		return status.Error(codes.DeadlineExceeded, "not today")
	}
	return stream.SendMsg(&message)
}

func wait(ctx context.Context) error {
	<-ctx.Done()
	say(sighting{Saw: ctx.Err().Error()})
	return status.FromContextError(ctx.Err()).Err()
}

func serveHTTP(response http.ResponseWriter, request *http.Request) {
	enter(request.Context(), request.URL.Path, request.Header.Get("Traceparent"))
	switch request.URL.Path {
	case "/body":
		// Head and first part of the body, then nothing more.
		fmt.Fprint(response, "first")
		if err := http.NewResponseController(response).Flush(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		_ = wait(request.Context())
	case "/flood":
		for {
			if _, err := response.Write(make([]byte, 4_096)); err != nil {
				return
			}
		}
	case "/wait":
		_ = wait(request.Context())
	case "/ask":
		askHTTP(response, request)
	case "/deaf":
		deafHTTP(response, request)
	case "/timeout":
		response.WriteHeader(http.StatusGatewayTimeout)
	default:
		fmt.Fprint(response, "pong")
	}
}

func enter(ctx context.Context, name, traceparent string) {
	seen := sighting{Entered: name, Traceparent: traceparent}
	if deadline, ok := ctx.Deadline(); ok {
		leftMs := float64(time.Until(deadline).Microseconds()) / 1000
		seen.LeftMs = &leftMs
	}
	say(seen)
}
