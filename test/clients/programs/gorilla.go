package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

type message struct {
	kind int
	data string
}

var payloads = map[string]message{
	"text":   {websocket.TextMessage, "hello"},
	"empty":  {websocket.TextMessage, ""},
	"binary": {websocket.BinaryMessage, "\x00\xff"},
	"long":   {websocket.TextMessage, strings.Repeat("x", 2000)},
	"large":  {websocket.TextMessage, strings.Repeat("x", 1<<20)},
	"emoji":  {websocket.TextMessage, "🙂🙃🙂"},
}

func attempt(url, sends, subprotocol string) (events []string) {
	report := func(event string) { events = append(events, event) }
	dialer := websocket.Dialer{EnableCompression: true}
	if subprotocol != "-" {
		dialer.Subprotocols = []string{subprotocol}
	}
	socket, response, err := dialer.Dial(url, nil)
	if err != nil {
		if response != nil && response.StatusCode != 101 {
			report(fmt.Sprintf("refused:%d", response.StatusCode))
		} else {
			report("error")
		}
		return
	}
	defer socket.Close()
	if name := socket.Subprotocol(); name != "" {
		report("open:" + name)
	} else {
		report("open")
	}
	payload, sent := payloads[sends]
	if sent {
		socket.WriteMessage(payload.kind, []byte(payload.data))
	}
	socket.SetReadDeadline(time.Now().Add(5 * time.Second))
	for {
		kind, data, err := socket.ReadMessage()
		var closed *websocket.CloseError
		if errors.As(err, &closed) {
			report(fmt.Sprintf("close:%d:%s", closed.Code, closed.Text))
			return
		}
		if err != nil {
			report("error")
			return
		}
		if !sent || kind != payload.kind || string(data) != payload.data {
			report("wrong")
		} else {
			report(map[int]string{websocket.TextMessage: "text", websocket.BinaryMessage: "binary"}[kind])
		}
		socket.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4001, "bye"))
	}
}

func main() {
	output := json.NewEncoder(os.Stdout)
	output.Encode(map[string]string{"version": os.Args[1]})
	for words := os.Args[2:]; len(words) >= 4; words = words[4:] {
		events := strings.Join(attempt(words[1], words[2], words[3]), " ")
		output.Encode(map[string]string{"check": words[0], "events": events})
	}
}
