// wrk: requests prepared in a file, or the published files in turn, and what came back.

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// wrkReport is what wrk says at its end; times in microseconds.
type wrkReport struct {
	Requests, Duration, Bytes              float64
	P50, P99                               float64
	Connect, Read, Write, Status, Timeouts float64
}

func (r wrkReport) failed() float64 { return r.Connect + r.Read + r.Write + r.Status + r.Timeouts }

const reportScript = `
function done(s, l, r)
  io.stderr:write(string.format('{"Requests":%d,"Duration":%d,"Bytes":%d,"P50":%d,"P99":%d,"Connect":%d,"Read":%d,"Write":%d,"Status":%d,"Timeouts":%d}',
    s.requests, s.duration, s.bytes, l:percentile(50), l:percentile(99), s.errors.connect, s.errors.read, s.errors.write, s.errors.status, s.errors.timeout))
end`

// postScript sends each request of a file once: eight digits of length, then the request.
const postScript = `
local file = assert(io.open(os.getenv("REQUESTS"), "rb"))
function request()
  local n = file:read(8)
  if not n then io.stderr:write("no request is left") os.exit(3) end
  return file:read(tonumber(n))
end` + reportScript

// getScript reads the files named in FILES in turn.
const getScript = `
local all, n = {}, 0
for path in string.gmatch(os.getenv("FILES"), "%S+") do all[#all + 1] = path end
function request()
  n = n % #all + 1
  return wrk.format("GET", all[n])
end` + reportScript

// wrk loads an address from one thread, and returns its report and its own CPU time.
func wrk(length time.Duration, connections int, address, script string, env ...string) (wrkReport, time.Duration, error) {
	f, err := os.CreateTemp("", "sceau-wrk-*.lua")
	if err != nil {
		return wrkReport{}, 0, err
	}
	defer os.Remove(f.Name())
	if _, err := f.WriteString(script); err != nil {
		return wrkReport{}, 0, err
	}
	if err := f.Close(); err != nil {
		return wrkReport{}, 0, err
	}
	c := exec.Command("wrk", "--threads", "1", "--connections", strconv.Itoa(connections), "--duration", fmt.Sprintf("%ds", int(length.Seconds())), "--timeout", "5s", "--script", f.Name(), address)
	c.Env = append(os.Environ(), env...)
	var said bytes.Buffer
	c.Stderr = &said
	if err := c.Run(); err != nil {
		return wrkReport{}, 0, fmt.Errorf("wrk: %w: %s", err, said.Bytes())
	}
	var r wrkReport
	if err := json.Unmarshal(said.Bytes(), &r); err != nil {
		return wrkReport{}, 0, fmt.Errorf("wrk's report: %w: %s", err, said.Bytes())
	}
	if r.Requests == 0 {
		return wrkReport{}, 0, fmt.Errorf("wrk had no answer: %s", said.Bytes())
	}
	return r, c.ProcessState.UserTime() + c.ProcessState.SystemTime(), nil
}
