// A peer that is not Node: a server and a client of net/http and grpc-go, for the tests next door.
//
// Every line on stdout is a JSON object: what the peer listens on, or what it saw of a call.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "server":
		return serve()
	case len(args) == 2 && args[0] == "client":
		var scenario scenario
		if err := json.Unmarshal([]byte(args[1]), &scenario); err != nil {
			return fmt.Errorf("scenario: %w", err)
		}
		return scenario.play()
	case len(args) == 2 && args[0] == "calls":
		var scenarios []scenario
		if err := json.Unmarshal([]byte(args[1]), &scenarios); err != nil {
			return fmt.Errorf("scenarios: %w", err)
		}
		return playAll(scenarios)
	}
	return fmt.Errorf("usage: peer server | peer client SCENARIO | peer calls SCENARIOS, not %q", args)
}

var stdout sync.Mutex

// say prints one line.
func say(line any) {
	stdout.Lock()
	defer stdout.Unlock()
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
