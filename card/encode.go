// The canonical JSON of claims: the member order of FORMAT.md, no white space, nothing optional that is empty.

package card

import "strconv"

// MarshalCanonical writes the claims as the canonical JSON of FORMAT.md, or refuses what DecodeClaims would refuse.
func (c Claims) MarshalCanonical() ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	b := make([]byte, 0, 1024)
	b = append(b, `{"iss":`...)
	b = appendString(b, string(c.Issuer))
	b = appendInt(b, `,"iat":`, c.IssuedAt)
	b = appendInt(b, `,"nbf":`, c.NotBefore)
	b = appendInt(b, `,"exp":`, c.Expires)
	b = appendInt(b, `,"st":[`, int64(c.Place.List))
	b = appendInt(b, `,`, int64(c.Place.Index))
	b = append(b, `],"adh":`...)
	b = appendString(b, c.Adherent)
	if len(c.Conventions) > 0 {
		b = append(b, `,"conv":`...)
		b = appendStrings(b, c.Conventions)
	}
	if c.CSR != "" {
		b = append(b, `,"csr":`...)
		b = appendString(b, c.CSR)
	}
	if c.Responsable {
		b = append(b, `,"resp":true`...)
	}
	b = append(b, `,"ben":[`...)
	for i, p := range c.People {
		b = comma(b, i)
		b = p.append(b)
	}
	b = append(b, `],"gar":[`...)
	for i, g := range c.Guarantees {
		b = comma(b, i)
		b = g.append(b)
	}
	b = append(b, ']')
	if len(c.Notes) > 0 {
		b = append(b, `,"notes":`...)
		b = appendStrings(b, c.Notes)
	}
	b = append(b, '}')
	if len(b) > MaxInflated {
		return nil, malformed("inflated_size", "claims larger than the format's bound")
	}
	return b, nil
}

// append writes [nom, prénom, "AAAAMMJJ", rang, from?, to?]; from is "" when only to is narrower.
func (p Person) append(b []byte) []byte {
	b = append(b, '[')
	b = appendString(b, p.Nom)
	b = append(b, ',')
	b = appendString(b, p.Prenom)
	b = append(b, ',')
	b = appendString(b, string(p.Birth))
	b = appendInt(b, `,`, int64(p.Rang))
	if p.From != 0 || p.To != 0 {
		b = append(b, ',')
		b = appendString(b, p.From.Compact())
	}
	if p.To != 0 {
		b = append(b, ',')
		b = appendString(b, p.To.Compact())
	}
	return append(b, ']')
}

// append writes [[people], {domain: value}].
func (g Group) append(b []byte) []byte {
	b = append(b, "[["...)
	for i, p := range g.People {
		b = comma(b, i)
		b = strconv.AppendInt(b, int64(p), 10)
	}
	b = append(b, "],{"...)
	for i, v := range g.Values {
		b = comma(b, i)
		b = appendString(b, v.Domain)
		b = append(b, ':')
		b = appendString(b, v.Value.String())
	}
	return append(b, "}]"...)
}

func appendInt(b []byte, before string, v int64) []byte {
	return strconv.AppendInt(append(b, before...), v, 10)
}

func appendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		b = comma(b, i)
		b = appendString(b, s)
	}
	return append(b, ']')
}

func comma(b []byte, i int) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	return b
}
