// The place of a card in its issuer's status pages: the card's identity, together with the issuer.

package card

import (
	"fmt"
	"strconv"
	"strings"
)

// Place is where the status of a card is published. (Issuer, Place) identifies a card; a token's text doesn't.
type Place struct {
	List  uint32 // 1 to MaxList
	Index uint32 // 0 to MaxIndex, drawn at random among the free ones
}

// String returns "3-583021".
func (p Place) String() string {
	return strconv.FormatUint(uint64(p.List), 10) + "-" + strconv.FormatUint(uint64(p.Index), 10)
}

// ParsePlace reads what String writes and nothing else.
func ParsePlace(s string) (Place, error) {
	list, index, ok := strings.Cut(s, "-")
	if !ok {
		return Place{}, fmt.Errorf("card: %.24q is not a card number of the form 3-583021", s)
	}
	l, err := strconv.ParseUint(list, 10, 32)
	if err != nil {
		return Place{}, fmt.Errorf("card: %.24q is not a card number of the form 3-583021", s)
	}
	i, err := strconv.ParseUint(index, 10, 32)
	if err != nil {
		return Place{}, fmt.Errorf("card: %.24q is not a card number of the form 3-583021", s)
	}
	p := Place{List: uint32(l), Index: uint32(i)}
	if err := p.check(); err != nil {
		return Place{}, err
	}
	if p.String() != s {
		return Place{}, fmt.Errorf("card: %.24q is not a card number of the form 3-583021", s)
	}
	return p, nil
}

func (p Place) check() error {
	if p.List < 1 || p.List > MaxList {
		return malformed("place_list", "list number out of range")
	}
	if p.Index > MaxIndex {
		return malformed("place_index", "index out of range")
	}
	return nil
}
