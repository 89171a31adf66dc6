package crowd

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"sync"
)

// Desk takes texts as the webhook sender posts them and hands each code to whoever
// waits for that number. It keeps nothing, and speaks HTTP by hand as the crowd does.
type Desk struct {
	listener net.Listener
	all      sync.WaitGroup

	mu    sync.Mutex // guards the fields below
	boxes map[string]chan string
	open  map[net.Conn]bool
	over  bool
}

// NewDesk opens a desk on the loopback. Close ends it.
func NewDesk() (*Desk, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &Desk{listener: l, boxes: make(map[string]chan string), open: make(map[net.Conn]bool)}
	d.all.Go(d.accept)
	return d, nil
}

// URL is where texts are posted to.
func (d *Desk) URL() string { return "http://" + d.listener.Addr().String() }

// Close ends the desk and every connection to it.
func (d *Desk) Close() {
	d.listener.Close()
	d.mu.Lock()
	d.over = true
	for c := range d.open {
		c.Close()
	}
	d.mu.Unlock()
	d.all.Wait()
}

func (d *Desk) accept() {
	for {
		c, err := d.listener.Accept()
		if err != nil {
			return
		}
		d.mu.Lock()
		if d.over {
			c.Close()
		}
		d.open[c] = true
		d.mu.Unlock()
		d.all.Go(func() { d.serve(c) })
	}
}

// serve answers the posts of one connection.
func (d *Desk) serve(c net.Conn) {
	defer func() {
		c.Close()
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.open, c)
	}()
	for in := bufio.NewReader(c); ; {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		status := "200 OK"
		if !d.take(body) {
			status = "500 Internal Server Error"
		}
		if _, err := fmt.Fprintf(c, "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n", status); err != nil {
			return
		}
	}
}

// take puts a text's code into its number's box, if there is room: nobody leaves
// more than a few unread.
func (d *Desk) take(body []byte) bool {
	var text struct{ To, Body string }
	if json.Unmarshal(body, &text) != nil {
		return false
	}
	select {
	case d.box(text.To) <- code.FindString(text.Body):
		return true
	default:
		return false
	}
}

var code = regexp.MustCompile(`\b\d{6,8}\b`)

// unread is how many texts a number may have that nobody has read.
const unread = 16

func (d *Desk) box(number string) chan string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.boxes[number] == nil {
		d.boxes[number] = make(chan string, unread)
	}
	return d.boxes[number]
}

// forget takes a number's box away, for numbers that are used once.
func (d *Desk) forget(number string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.boxes, number)
}

// wait is the code of the next text to the number.
func (d *Desk) wait(ctx context.Context, number string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case c := <-d.box(number):
		return c, nil
	case <-ctx.Done():
		return "", fmt.Errorf("no text came: %w", ctx.Err())
	}
}
