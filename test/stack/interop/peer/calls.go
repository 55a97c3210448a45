package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// What a scenario has besides when it is one of several, all at the same time and over the same connections.
type step struct {
	// Of gRPC: metadata. Of HTTP: headers.
	Metadata map[string]string `json:"metadata"`
	// When its caller cancels: "sent", "headers", "message", each once it is there. Empty: never.
	LeaveAt string `json:"leaveAt"`
	// Of a stream of requests: it is closed after the first.
	HalfClose bool `json:"halfClose"`
	// Of HTTP, in the place of the address.
	URL string `json:"url"`
	// Of HTTP without TLS: version 2.
	H2C bool `json:"h2c"`
}

// Time for what was sent to be on the wire, and for its answer.
const onItsWay = 200 * time.Millisecond

// playAll says how each ended, in the order in which they do, and waits for the end of stdin.
func playAll(scenarios []scenario) error {
	if len(scenarios) == 0 {
		return errors.New("no calls")
	}
	connection, err := grpc.NewClient(scenarios[0].Address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	clients, err := httpClients()
	if err != nil {
		return err
	}
	var playing sync.WaitGroup
	for _, s := range scenarios {
		playing.Add(1)
		go func() {
			defer playing.Done()
			s.playStep(connection, clients)
		}()
	}
	playing.Wait()
	say(ending{Status: "all"})
	_, _ = io.Copy(io.Discard, os.Stdin)
	return nil
}

func (s scenario) playStep(connection *grpc.ClientConn, clients map[bool]*http.Client) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if s.TimeoutMs > 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(s.TimeoutMs)*time.Millisecond)
		defer cancel()
	}
	leaveAt := func(what string) {
		if s.LeaveAt == what {
			cancel()
		}
	}
	var end ending
	var err error
	if s.Kind == "http" {
		end.Status, err = s.ask(ctx, clients[s.H2C], leaveAt)
	} else {
		err = s.stream(ctx, connection, leaveAt)
		end.Status = status.Code(err).String()
	}
	if err != nil {
		end.Error = err.Error()
	}
	if ctx.Err() != nil {
		end.Context = ctx.Err().Error()
	}
	say(end)
}

func (s scenario) stream(ctx context.Context, connection *grpc.ClientConn, leaveAt func(string)) error {
	description, ok := streams[s.Kind]
	if !ok {
		return fmt.Errorf("unknown kind %q", s.Kind)
	}
	ctx = metadata.NewOutgoingContext(ctx, metadata.New(s.Metadata))
	call, err := connection.NewStream(ctx, &description, "/"+service+"/"+s.Kind)
	if err != nil {
		return err
	}
	message := []byte(`{"text":"ping"}`)
	if err := call.SendMsg(&message); err != nil {
		return err
	}
	if s.HalfClose {
		if err := call.CloseSend(); err != nil {
			return err
		}
	}
	if s.LeaveAt == "sent" {
		time.Sleep(onItsWay)
		leaveAt("sent")
	}
	if _, err := call.Header(); err != nil {
		return status.FromContextError(ctx.Err()).Err()
	}
	leaveAt("headers")
	if s.LeaveAt == "message" && !description.ServerStreams {
		// RecvMsg waits for the trailers as well.
		time.Sleep(onItsWay)
		leaveAt("message")
	}
	for {
		var answer []byte
		if err := call.RecvMsg(&answer); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		leaveAt("message")
		if !description.ServerStreams {
			return nil
		}
	}
}

func (s scenario) ask(ctx context.Context, client *http.Client, leaveAt func(string)) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	if err != nil {
		return "", err
	}
	for name, value := range s.Metadata {
		request.Header.Set(name, value)
	}
	if s.LeaveAt == "sent" {
		time.AfterFunc(onItsWay, func() { leaveAt("sent") })
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	leaveAt("headers")
	if _, err := response.Body.Read(make([]byte, 1)); err != nil && !errors.Is(err, io.EOF) {
		return response.Status, err
	}
	leaveAt("message")
	_, err = io.Copy(io.Discard, response.Body)
	return response.Status, err
}

// httpClients has the one that speaks HTTP/2 without TLS under true.
func httpClients() (map[bool]*http.Client, error) {
	keys, err := keyLog()
	if err != nil {
		return nil, err
	}
	// The certificate of a test is nobody's.
	secrets := &tls.Config{InsecureSkipVerify: true, KeyLogWriter: keys}
	var h2c http.Protocols
	h2c.SetUnencryptedHTTP2(true)
	return map[bool]*http.Client{
		false: {Transport: &http.Transport{TLSClientConfig: secrets, ForceAttemptHTTP2: true}},
		true:  {Transport: &http.Transport{Protocols: &h2c}},
	}, nil
}

// keyLog is where SSLKEYLOGFILE says; nil, which is nowhere, without it.
func keyLog() (io.Writer, error) {
	name := os.Getenv("SSLKEYLOGFILE")
	if name == "" {
		return nil, nil
	}
	return os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
}
