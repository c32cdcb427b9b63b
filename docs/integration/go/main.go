// Asks the counter that runs on this computer about one card: verify [FOLDER [DOMAIN]] < code.txt
//
// FOLDER is the counter's data folder; "" or none is this user's own. The code comes by standard input, because a command line
// can be read by every program and the code holds names. Prints the status and the headline. Exit codes are those of
// `comptoir verify`: 0 valid, 1 refused, 3 reserve, 4 unknown or not verified, 2 wrong usage.
//
// Only the standard library is used: copy this file and change it as you like.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

const maxCode, maxAnswer = 64 << 10, 1 << 20

// answer is the part of the document that this program looks at. Take unknown members as they come: some may be added.
type answer struct {
	Status string
	Reason string
	Words  struct{ Headline string }
}

func main() {
	if len(os.Args) > 3 {
		fmt.Fprintln(os.Stderr, "usage: verify [FOLDER [DOMAIN]] < code.txt")
		os.Exit(2)
	}
	args := append(os.Args[1:], "", "")
	a, err := ask(args[0], args[1], os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "not verified:", err)
		os.Exit(4)
	}
	fmt.Printf("%s: %s\n", a.Status, a.Words.Headline)
	// A status that is not known here is none to rely on.
	exit, ok := map[string]int{"valid": 0, "refused": 1, "reserve": 3}[a.Status]
	if !ok {
		exit = 4
	}
	os.Exit(exit)
}

func ask(folder, domain string, in io.Reader) (answer, error) {
	code, err := io.ReadAll(io.LimitReader(in, maxCode))
	if err != nil {
		return answer{}, err
	}
	if folder == "" {
		if folder, err = ownFolder(); err != nil {
			return answer{}, err
		}
	}
	// Both are read at each question: the port and the program may change, the token too.
	var desk struct{ Port int }
	b, err := os.ReadFile(filepath.Join(folder, "desk.json"))
	if errors.Is(err, os.ErrNotExist) {
		return answer{}, errors.New("comptoir is not running (no desk.json)")
	} else if err != nil {
		return answer{}, err
	}
	if json.Unmarshal(b, &desk) != nil || desk.Port < 1 || desk.Port > 65535 {
		return answer{}, errors.New("desk.json is not one")
	}
	token, err := os.ReadFile(filepath.Join(folder, "api-token"))
	if err != nil {
		return answer{}, err
	}
	question, err := json.Marshal(map[string]string{"code": strings.Trim(string(code), "\r\n"), "domain": domain})
	if err != nil {
		return answer{}, err
	}
	request, err := http.NewRequest(http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/v1/verify", desk.Port), bytes.NewReader(question))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	request.Header.Set("Content-Type", "application/json")
	// No proxy and no redirect has any business between two programs of one computer.
	client := http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return answer{}, errors.New("nobody answers: start comptoir")
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden:
		return answer{}, errors.New("the token is refused: is this the folder of the counter that runs?")
	default:
		return answer{}, fmt.Errorf("the counter answers %d", response.StatusCode)
	}
	b, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	var a answer
	if err != nil || len(b) > maxAnswer || json.Unmarshal(b, &a) != nil || a.Status == "" || a.Words.Headline == "" {
		return answer{}, errors.New("the answer is not a verdict")
	}
	return a, nil
}

// ownFolder is where comptoir keeps its data when nobody says otherwise.
func ownFolder() (string, error) {
	if dir := os.Getenv("COMPTOIR_DIR"); dir != "" {
		return dir, nil
	}
	if runtime.GOOS == "windows" {
		return filepath.Join(os.Getenv("LOCALAPPDATA"), "Sceau", "comptoir"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support", "Sceau", "comptoir"), nil
	}
	if data := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return filepath.Join(data, "sceau", "comptoir"), nil
	}
	return filepath.Join(home, ".local", "share", "sceau", "comptoir"), nil
}
