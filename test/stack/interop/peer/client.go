package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// One call of a client. It is given up when a line arrives on stdin, or when its time is up; the process ends
// with stdin.
type scenario struct {
	// host:port
	Address string `json:"address"`
	// "http", or one of the four kinds of gRPC call.
	Kind string `json:"kind"`
	// 0: no deadline.
	TimeoutMs int `json:"timeoutMs"`
	// "context" (a deadline of the context) or "client" (http.Client.Timeout).
	TimeoutBy string `json:"timeoutBy"`
	// The deadline headers to write over HTTP.
	Headers []string `json:"headers"`
	// Of one of several calls: see calls.go.
	step
}

// How the call ended, as its caller sees it.
type ending struct {
	// Of gRPC: the name of the status code. Of HTTP: empty, or the status.
	Status string `json:"status"`
	Error  string `json:"error"`
	// What the context says: "context canceled", "context deadline exceeded" or nothing.
	Context string `json:"context"`
}

func (s scenario) play() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if s.TimeoutMs > 0 && s.TimeoutBy != "client" {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(s.TimeoutMs)*time.Millisecond)
		defer cancel()
	}
	stdinEnded := make(chan struct{})
	go func() {
		defer close(stdinEnded)
		// The end of stdin cancels, too: this process must not outlive the test that started it.
		stdin := bufio.NewReader(os.Stdin)
		_, err := stdin.ReadString('\n')
		cancel()
		if err == nil {
			_, _ = io.Copy(io.Discard, stdin)
		}
	}()
	var end ending
	var err error
	if s.Kind == "http" {
		end.Status, err = s.request(ctx)
	} else {
		connection, dialErr := grpc.NewClient(s.Address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if dialErr != nil {
			return dialErr
		}
		defer connection.Close()
		err = s.call(ctx, connection)
		end.Status = status.Code(err).String()
	}
	if err != nil {
		end.Error = err.Error()
	}
	if ctx.Err() != nil {
		end.Context = ctx.Err().Error()
	}
	say(end)
	// grpc-go resets the stream in the background: the connection has to stay for the server to hear of it.
	<-stdinEnded
	return nil
}

func (s scenario) request(ctx context.Context) (string, error) {
	client := http.Client{Transport: deadlineHeaders{names: s.Headers, next: http.DefaultTransport}}
	if s.TimeoutBy == "client" {
		client.Timeout = time.Duration(s.TimeoutMs) * time.Millisecond
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Address+"/", nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.Status, err
}

func (s scenario) call(ctx context.Context, connection *grpc.ClientConn) error {
	stream, ok := streams[s.Kind]
	if !ok {
		return fmt.Errorf("unknown kind %q; known: http and %s", s.Kind, strings.Join(kinds(), ", "))
	}
	method := "/" + service + "/" + s.Kind
	message := []byte(`{"text":"ping"}`)
	var answer []byte
	if s.Kind == "unary" {
		return connection.Invoke(ctx, method, &message, &answer)
	}
	call, err := connection.NewStream(ctx, &stream, method)
	if err != nil {
		return err
	}
	if err := call.SendMsg(&message); err != nil {
		return err
	}
	if !stream.ClientStreams {
		if err := call.CloseSend(); err != nil {
			return err
		}
	}
	for {
		err := call.RecvMsg(&answer)
		if errors.Is(err, io.EOF) || (err == nil && !stream.ServerStreams) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func kinds() []string {
	var names []string
	for name := range streams {
		names = append(names, name)
	}
	return names
}
