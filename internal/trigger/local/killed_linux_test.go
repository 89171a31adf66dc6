package local_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

func TestFunction_BellhopKilled_DiesToo(t *testing.T) {
	t.Parallel()
	port, here, gone := lives(t, 2)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "FUNCTION=parent", fmt.Sprint("PORT=", port))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Error(line, err)
	}
	<-here
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait()
	<-gone
}
