// Half scans: a scanner that pauses in the middle of a code gives two bursts, each incomplete. Together they are judged again.

package scan

import "time"

// Joiner reads bursts in the order in which they came, and puts incomplete ones together. The zero value is ready; it isn't safe for several goroutines.
type Joiner struct {
	Learnt *Map // for Read

	held []Typed // incomplete, oldest first
	last time.Time
}

const (
	within  = 3 * time.Second // how long after its end a burst may go on
	maxHeld = 3
)

// Add reads one burst that ended at the given time. When it isn't whole by itself, it is tried as the end of the bursts before it, the shortest reach
// first; a code that comes out has how.Joined set. A code text passed its checksum, so halves of two cards give none; a bare compact JWS has no
// checksum, and only its signature can tell. The errors are Read's.
func (j *Joiner) Add(t Typed, at time.Time) (text string, how Repair, err error) {
	if gap := at.Sub(j.last); gap < 0 || gap > within {
		j.held = nil
	}
	j.last = at
	text, how, err = Read(t, j.Learnt)
	if err == nil || err == ErrEmpty {
		if err == nil {
			j.held = nil
		}
		return text, how, err
	}
	whole := t
	for i := len(j.held) - 1; i >= 0; i-- {
		whole = Typed{Text: j.held[i].Text + whole.Text, Presses: append(append([]Press(nil), j.held[i].Presses...), whole.Presses...)}
		if len(whole.Text) > maxTyped || len(whole.Presses) > MaxPresses {
			break
		}
		if text, how, joined := Read(whole, j.Learnt); joined == nil {
			j.held = nil
			how.Joined = true
			return text, how, nil
		}
	}
	if len(t.Text) > maxTyped || len(t.Presses) > MaxPresses {
		j.held = nil
		return "", Repair{}, err
	}
	if j.held = append(j.held, t); len(j.held) > maxHeld {
		j.held = j.held[1:]
	}
	return "", Repair{}, err
}

// Forget drops what waits for its other half.
func (j *Joiner) Forget() { j.held = nil }
