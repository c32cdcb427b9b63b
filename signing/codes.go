// This file is the table of refusal codes: what each means and to which family it belongs.

package signing

// Codes of the transport are composed, because each fault can be in each part:
// header_, payload_ or signature_ followed by one of these.
const (
	inLineBreak = "line_break"
	inBlank     = "blank"
	inPadding   = "padding"
	inStandard  = "standard_base64"
	inForeign   = "foreign_byte"
	inLength    = "base64_length"
	inLastChar  = "base64_last_char"
	inEmpty     = "empty"
)

const (
	codeTokenEmpty   = "token_empty"
	codeTokenTooLong = "token_too_long"
	codeTokenJSON    = "token_json_serialization"
	codePartsTooFew  = "parts_too_few"
	codePartsTooMany = "parts_too_many"

	codeHeaderTooLong      = "header_too_long"
	codeHeaderNotUTF8      = "header_not_utf8"
	codeHeaderBOM          = "header_bom"
	codeHeaderNotJSON      = "header_not_json"
	codeHeaderNotObject    = "header_not_object"
	codeHeaderTrailing     = "header_trailing_data"
	codeHeaderDuplicate    = "header_duplicate_member"
	codeHeaderCase         = "header_member_case"
	codeHeaderUnknown      = "header_unknown_member"
	codeHeaderJWK          = "header_jwk"
	codeHeaderJKU          = "header_jku"
	codeHeaderX5U          = "header_x5u"
	codeHeaderX5C          = "header_x5c"
	codeHeaderX5T          = "header_x5t"
	codeHeaderX5TS256      = "header_x5t_s256"
	codeHeaderZip          = "header_zip"
	codeHeaderCrit         = "header_crit"
	codeHeaderCritEmpty    = "header_crit_empty"
	codeHeaderB64          = "header_b64"
	codeHeaderCty          = "header_cty"
	codeHeaderOrder        = "header_member_order"
	codeHeaderWhiteSpace   = "header_white_space"
	codeHeaderNotCanonical = "header_not_canonical"

	codeAlgMissing   = "alg_missing"
	codeAlgNotString = "alg_not_string"
	codeAlgNone      = "alg_none"
	codeAlgNoneCase  = "alg_none_case"
	codeAlgCase      = "alg_case"
	codeAlgHMAC      = "alg_hmac"
	codeAlgOther     = "alg_other"

	codeKIDMissing   = "kid_missing"
	codeKIDNotString = "kid_not_string"
	codeKIDEmpty     = "kid_empty"
	codeKIDTooLong   = "kid_too_long"
	codeKIDControl   = "kid_control_character"
	codeKIDPath      = "kid_path"
	codeKIDAlphabet  = "kid_alphabet"
	codeKIDLength    = "kid_length"
	codeKIDLastChar  = "kid_last_char"

	codeTypMissing   = "typ_missing"
	codeTypNotString = "typ_not_string"
	codeTypForm      = "typ_form"
	codeTypOtherKind = "typ_other_kind"

	codeSignatureDER      = "signature_der"
	codeSignatureLength   = "signature_length"
	codeSignatureZeroR    = "signature_zero_r"
	codeSignatureZeroS    = "signature_zero_s"
	codeSignatureRRange   = "signature_r_range"
	codeSignatureSRange   = "signature_s_range"
	codeSignatureHighS    = "signature_high_s"
	codeSignatureMismatch = "signature_mismatch"

	codeKIDOtherKey  = "kid_other_key"
	codeKIDUnknown   = "kid_unknown"
	codeKeyOtherKind = "key_other_kind"
	codeKeyEmpty     = "key_empty"
	codeKeyCurve     = "key_curve"
	codeKeyKind      = "key_kind_form"
	codeKeyState     = "key_state"
	codeKeyWindow    = "key_window"
	codeKeyDuplicate = "key_duplicate_kid"

	codeJWKTooLong    = "jwk_too_long"
	codeJWKNotUTF8    = "jwk_not_utf8"
	codeJWKNotJSON    = "jwk_not_json"
	codeJWKNotObject  = "jwk_not_object"
	codeJWKTrailing   = "jwk_trailing_data"
	codeJWKDuplicate  = "jwk_duplicate_member"
	codeJWKCase       = "jwk_member_case"
	codeJWKUnknown    = "jwk_unknown_member"
	codeJWKPrivate    = "jwk_private"
	codeJWKMissing    = "jwk_missing_member"
	codeJWKNotString  = "jwk_not_string"
	codeJWKType       = "jwk_kty"
	codeJWKCurve      = "jwk_crv"
	codeJWKCoordinate = "jwk_coordinate"
	codeJWKOffCurve   = "jwk_off_curve"
	codeJWKUse        = "jwk_use"
	codeJWKAlg        = "jwk_alg"
	codeJWKKeyOps     = "jwk_key_ops"
	codeJWKKID        = "jwk_kid"

	codePayloadEmpty     = "seal_payload_empty"
	codePayloadTooLong   = "seal_payload_too_long"
	codeSignerFailed     = "signer_failed"
	codeSignerSelfCheck  = "signer_self_check"
	codeSignerOtherInput = "signer_other_input"
)

type refusalRow struct {
	family error
	detail string
}

var refusals = map[string]refusalRow{
	codeTokenEmpty:   {ErrMalformed, "the text is empty"},
	codeTokenTooLong: {ErrMalformed, "the text is longer than any token"},
	codeTokenJSON:    {ErrMalformed, "a JSON serialization, not the compact one"},
	codePartsTooFew:  {ErrMalformed, "fewer than three parts"},
	codePartsTooMany: {ErrMalformed, "more than three parts"},

	codeHeaderTooLong:      {ErrMalformed, "the header is longer than any header"},
	codeHeaderNotUTF8:      {ErrMalformed, "the header is not UTF-8"},
	codeHeaderBOM:          {ErrMalformed, "the header begins with a byte order mark"},
	codeHeaderNotJSON:      {ErrMalformed, "the header is not JSON"},
	codeHeaderNotObject:    {ErrMalformed, "the header is not a JSON object"},
	codeHeaderTrailing:     {ErrMalformed, "something follows the header's object"},
	codeHeaderDuplicate:    {ErrMalformed, "a header member stands twice"},
	codeHeaderCase:         {ErrMalformed, "a header member is spelled in another case"},
	codeHeaderUnknown:      {ErrMalformed, "a header member that this profile does not know"},
	codeHeaderJWK:          {ErrMalformed, "the header embeds a key (jwk)"},
	codeHeaderJKU:          {ErrMalformed, "the header links a key set (jku)"},
	codeHeaderX5U:          {ErrMalformed, "the header links a certificate (x5u)"},
	codeHeaderX5C:          {ErrMalformed, "the header embeds certificates (x5c)"},
	codeHeaderX5T:          {ErrMalformed, "the header names a certificate (x5t)"},
	codeHeaderX5TS256:      {ErrMalformed, "the header names a certificate (x5t#S256)"},
	codeHeaderZip:          {ErrMalformed, "the header names a compression (zip)"},
	codeHeaderCrit:         {ErrMalformed, "the header asks for extensions (crit)"},
	codeHeaderCritEmpty:    {ErrMalformed, "the header has an empty crit"},
	codeHeaderB64:          {ErrMalformed, "the header changes the payload's encoding (b64)"},
	codeHeaderCty:          {ErrMalformed, "the header names a content type (cty)"},
	codeHeaderOrder:        {ErrMalformed, "the header's members stand in another order"},
	codeHeaderWhiteSpace:   {ErrMalformed, "white space in the header"},
	codeHeaderNotCanonical: {ErrMalformed, "the header spells its values in another way"},

	codeAlgMissing:   {ErrMalformed, "no alg"},
	codeAlgNotString: {ErrMalformed, "alg is not a string"},
	codeAlgNone:      {ErrMalformed, "alg is none"},
	codeAlgNoneCase:  {ErrMalformed, "alg is a case variant of none"},
	codeAlgCase:      {ErrMalformed, "alg is a case variant of ES256"},
	codeAlgHMAC:      {ErrMalformed, "alg is a shared-secret algorithm"},
	codeAlgOther:     {ErrMalformed, "alg is not ES256"},

	codeKIDMissing:   {ErrMalformed, "no kid"},
	codeKIDNotString: {ErrMalformed, "kid is not a string"},
	codeKIDEmpty:     {ErrMalformed, "kid is empty"},
	codeKIDTooLong:   {ErrMalformed, "kid is longer than any kid"},
	codeKIDControl:   {ErrMalformed, "kid holds a control character"},
	codeKIDPath:      {ErrMalformed, "kid looks like a path"},
	codeKIDAlphabet:  {ErrMalformed, "kid holds a character outside base64url"},
	codeKIDLength:    {ErrMalformed, "kid does not have 11 characters"},
	codeKIDLastChar:  {ErrMalformed, "kid ends in a non-canonical character"},

	codeTypMissing:   {ErrMalformed, "no typ"},
	codeTypNotString: {ErrMalformed, "typ is not a string"},
	codeTypForm:      {ErrMalformed, "typ is not spelled as a kind"},
	codeTypOtherKind: {ErrWrongKind, "the token has another kind"},

	codeSignatureDER:      {ErrMalformed, "the signature is in DER"},
	codeSignatureLength:   {ErrMalformed, "the signature does not have 64 bytes"},
	codeSignatureZeroR:    {ErrBadSignature, "r is zero"},
	codeSignatureZeroS:    {ErrBadSignature, "s is zero"},
	codeSignatureRRange:   {ErrBadSignature, "r is not below the order of the curve"},
	codeSignatureSRange:   {ErrBadSignature, "s is not below the order of the curve"},
	codeSignatureHighS:    {ErrBadSignature, "s is above half the order of the curve"},
	codeSignatureMismatch: {ErrBadSignature, "the key did not sign this"},

	codeKIDOtherKey:  {ErrUnknownKey, "the token names another key"},
	codeKIDUnknown:   {ErrUnknownKey, "no key of this kid is held"},
	codeKeyOtherKind: {ErrWrongKind, "the key is for another kind"},
	codeKeyEmpty:     {ErrBadKey, "there is no key"},
	codeKeyCurve:     {ErrBadKey, "not a point of P-256"},
	codeKeyKind:      {ErrBadKey, "the kind is not spelled as a kind"},
	codeKeyState:     {ErrBadKey, "not a key state"},
	codeKeyWindow:    {ErrBadKey, "the issue window ends before it begins"},
	codeKeyDuplicate: {ErrBadKey, "a key of this kid is already held"},

	codeJWKTooLong:    {ErrBadKey, "the text is longer than any JWK"},
	codeJWKNotUTF8:    {ErrBadKey, "the JWK is not UTF-8"},
	codeJWKNotJSON:    {ErrBadKey, "the JWK is not JSON"},
	codeJWKNotObject:  {ErrBadKey, "the JWK is not a JSON object"},
	codeJWKTrailing:   {ErrBadKey, "something follows the JWK's object"},
	codeJWKDuplicate:  {ErrBadKey, "a member of the JWK stands twice"},
	codeJWKCase:       {ErrBadKey, "a member of the JWK is spelled in another case"},
	codeJWKUnknown:    {ErrBadKey, "the JWK has a member that this profile does not know"},
	codeJWKPrivate:    {ErrBadKey, "the JWK holds a secret"},
	codeJWKMissing:    {ErrBadKey, "a member of the JWK is missing"},
	codeJWKNotString:  {ErrBadKey, "a member of the JWK is not a string"},
	codeJWKType:       {ErrBadKey, "kty is not EC"},
	codeJWKCurve:      {ErrBadKey, "crv is not P-256"},
	codeJWKCoordinate: {ErrBadKey, "a coordinate is not 32 bytes in canonical base64url"},
	codeJWKOffCurve:   {ErrBadKey, "the point is not on P-256"},
	codeJWKUse:        {ErrBadKey, "use is not sig"},
	codeJWKAlg:        {ErrBadKey, "alg is not ES256"},
	codeJWKKeyOps:     {ErrBadKey, "key_ops is not [\"verify\"]"},
	codeJWKKID:        {ErrBadKey, "kid is not the key's thumbprint"},

	codePayloadEmpty:     {ErrMalformed, "nothing to sign"},
	codePayloadTooLong:   {ErrMalformed, "the token would be longer than any token"},
	codeSignerFailed:     {ErrSignerFault, "the signer gave no ES256 signature"},
	codeSignerSelfCheck:  {ErrSignerFault, "the new token does not verify"},
	codeSignerOtherInput: {ErrSignerFault, "the signer signed something else"},
}

// part is one of the three parts of a compact token.
type part int

const (
	partHeader part = iota
	partPayload
	partSignature
)

var partNames = [...]string{"header", "payload", "signature"}

// code composes the code of a transport fault in part p.
func (p part) code(fault string) string { return partNames[p] + "_" + fault }

func init() {
	details := map[string]string{
		inLineBreak: "a line break",
		inBlank:     "a blank",
		inPadding:   "base64 padding",
		inStandard:  "the standard base64 alphabet",
		inForeign:   "a byte outside the base64url alphabet",
		inLength:    "a length that base64url never has",
		inLastChar:  "a non-canonical last character",
		inEmpty:     "no byte at all",
	}
	for p := range partNames {
		for fault, detail := range details {
			refusals[part(p).code(fault)] = refusalRow{ErrMalformed, "the " + partNames[p] + " has " + detail}
		}
	}
}
