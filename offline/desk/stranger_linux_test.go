package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sceau/offline/mirror"
)

const strangerEnv = "SCEAU_TEST_STRANGER"

// stranger is what another user of the same computer is given, and all he is given: where the desk and its folder are.
type stranger struct {
	Host, Folder string
	Asks         [][2]string // method, path
}

// The test binary is also the program that the other user runs.
func init() {
	if text := os.Getenv(strangerEnv); text != "" {
		os.Exit(beStranger(text))
	}
}

// beStranger tries everything and prints what it got.
func beStranger(text string) int {
	var s stranger
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		fmt.Println("not run:", err)
		return 1
	}
	asked := 0
	for _, ask := range s.Asks {
		c, err := net.DialTimeout("tcp4", s.Host, 5*time.Second)
		if err != nil {
			fmt.Println("not run:", err)
			return 1
		}
		r, err := http.NewRequest(ask[0], "http://"+s.Host+ask[1], strings.NewReader("{}"))
		if err != nil {
			fmt.Println("not run:", err)
			return 1
		}
		c.Close()
		r.Header.Set("Content-Type", "application/json")
		if ask[0] == "POST" && !strings.HasPrefix(ask[1], "/v1") {
			r.Header.Set("Origin", "http://"+s.Host)
		}
		client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: 5 * time.Second}
		a, err := client.Do(r)
		if err != nil {
			fmt.Println("not run:", err)
			return 1
		}
		b, _ := io.ReadAll(a.Body)
		a.Body.Close()
		asked++
		if a.StatusCode != 403 || len(b) != 0 {
			fmt.Println(ask[0], ask[1], a.StatusCode, len(b))
		}
	}
	if names, err := os.ReadDir(s.Folder); err == nil {
		fmt.Println("read the folder:", len(names))
	}
	for _, name := range []string{mirror.BookName, "desk.json", "api-token"} {
		if b, err := os.ReadFile(filepath.Join(s.Folder, name)); err == nil {
			fmt.Println("read", name, len(b))
		}
	}
	// What can't be listed can still be guessed at: in the parent, the folder's own name is known.
	if os.WriteFile(filepath.Join(s.Folder, "planted"), nil, 0o600) == nil {
		fmt.Println("wrote into the folder")
	}
	fmt.Println("done", os.Getuid(), asked)
	return 0
}

// T24: another user of the computer gets 403 from every route without the secret, and can't read the folder.
func TestAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be somebody else") // a skip fails in CI
	}
	s := newScene(t)
	place := must(os.MkdirTemp("", "sceau-stranger"))(t)
	defer os.RemoveAll(place)
	if err := os.Chmod(place, 0o755); err != nil {
		t.Fatal(err)
	}
	// The folder is made as the program makes it.
	folder := filepath.Join(place, "comptoir")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	b := must(mirror.OpenBook(folder, mirror.BookOptions{Now: func() time.Time { return someDay }}))(t)
	defer b.Close()
	for name, content := range map[string][]byte{"desk.json": s.Info().Bytes(), "api-token": []byte(someToken)} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(place, "stranger")
	if err := os.WriteFile(program, must(os.ReadFile(must(os.Executable())(t)))(t), 0o755); err != nil {
		t.Fatal(err)
	}
	told := stranger{Host: s.host, Folder: folder}
	for _, r := range s.routes {
		path, _, _ := s.sample(r)
		path = strings.Replace(path, s.secret, strings.Repeat("A", len(s.secret)), 1)
		if r.kind == launch {
			path = "/open/" + strings.Repeat("A", 43)
		}
		told.Asks = append(told.Asks, [2]string{r.method, path})
	}
	// A code that is good, as the browser's command line shows it to everybody.
	real := "/open/" + s.launches.code()
	told.Asks = append(told.Asks, [2]string{"GET", real})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	run := func(uid uint32) string {
		c := exec.CommandContext(ctx, program)
		c.Env = []string{strangerEnv + "=" + string(must(json.Marshal(told))(t)), "HOME=" + place, "PATH=/usr/bin:/bin"}
		c.Dir = place
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	in := s.inside.Load()
	if got, want := run(65534), fmt.Sprintf("done 65534 %d\n", len(told.Asks)); got != want {
		t.Errorf("the other user: %s", got)
	}
	// POST /instance is decided behind the guard, by its proof.
	if n := s.inside.Load() - in; n > 3 || s.book.effects.Load() != 0 {
		t.Errorf("%d got behind the guard", n)
	}
	// The code that the other user read is still the owner's.
	c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	a := must(c.Get(s.origin() + real))(t)
	a.Body.Close()
	if a.StatusCode != http.StatusSeeOther {
		t.Errorf("the owner's own use of the code: %d", a.StatusCode)
	}
	// The owner reads his own folder, or the harness would prove nothing.
	if got := run(0); !strings.Contains(got, "read the folder") || !strings.Contains(got, "read desk.json") || !strings.Contains(got, "wrote") {
		t.Errorf("positive control: %s", got)
	}
}
