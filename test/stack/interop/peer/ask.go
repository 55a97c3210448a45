package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"time"
)

// What is done before anybody is asked: time that is to be missing from what is passed on.
const prepareFor = 20 * time.Millisecond

// ask gets a URL within the time and for as long as the context has, and says what is left in Timeout-Ms. The error is the context's.
func ask(ctx context.Context, url string) error {
	time.Sleep(prepareFor)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok {
		request.Header.Set("Timeout-Ms", strconv.FormatInt(time.Until(deadline).Milliseconds(), 10))
	}
	return send(request)
}

func send(request *http.Request) error {
	response, err := http.DefaultClient.Do(request)
	if ended := request.Context().Err(); ended != nil {
		return ended
	}
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

var timeoutMs = regexp.MustCompile(`^[0-9]{1,10}$`)

// askHTTP does what it should with Timeout-Ms, and asks whom "callback" names.
func askHTTP(response http.ResponseWriter, request *http.Request) {
	ctx := request.Context()
	if values, isThere := request.Header["Timeout-Ms"]; isThere {
		if !timeoutMs.MatchString(values[0]) {
			http.Error(response, "Timeout-Ms is in milliseconds", http.StatusBadRequest)
			return
		}
		ms, _ := strconv.ParseInt(values[0], 10, 64)
		within, cancel := context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond)
		defer cancel()
		ctx = within
	}
	switch err := ask(ctx, request.FormValue("callback")); {
	case err == nil:
		fmt.Fprint(response, "asked")
	case errors.Is(err, context.DeadlineExceeded):
		response.WriteHeader(http.StatusGatewayTimeout)
	default:
		response.WriteHeader(http.StatusBadGateway)
	}
}

// deafHTTP hands Timeout-Ms on as it is, and neither keeps it nor hears of its client.
func deafHTTP(response http.ResponseWriter, request *http.Request) {
	time.Sleep(prepareFor)
	call, err := http.NewRequest(http.MethodGet, request.FormValue("callback"), nil)
	if err == nil {
		if values, isThere := request.Header["Timeout-Ms"]; isThere {
			call.Header["Timeout-Ms"] = values
		}
		err = send(call)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		response.WriteHeader(http.StatusBadGateway)
		return
	}
	fmt.Fprint(response, "asked")
}
