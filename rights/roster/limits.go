// Every bound on what a roster may hold, with its reason. Memory stays bounded whatever the file says.

package roster

const (
	// MaxLine is the longest line in bytes: 40 columns, one of them nine notes of 120 characters, stay far below.
	MaxLine = 16 << 10

	// MaxField is the longest cell in bytes: nine notes of 120 characters with their separators.
	MaxField = 4 << 10

	// MaxColumns bounds the header: about 15 fixed columns and 30 domain codes exist.
	MaxColumns = 128

	// MaxSpan is how many lines a quoted cell with line breaks may reach over before its first quote is called stray.
	MaxSpan = 16

	// bufferSize is the read buffer in bytes. It must hold a line, and is the window in which the encoding is decided.
	bufferSize = 256 << 10

	// maxCells bounds the memory of guarantees already parsed; a roster holds some dozens of distinct ones.
	maxCells = 4096
)
