package seal

import (
	"fmt"
	"io"
	"log/slog"
)

// printed is all that any printer shows of a Ring or a Key.
const printed = "[master key]"

func (*Ring) String() string               { return printed }
func (*Ring) Format(s fmt.State, _ rune)   { io.WriteString(s, printed) }
func (*Ring) LogValue() slog.Value         { return slog.StringValue(printed) }
func (*Ring) MarshalText() ([]byte, error) { return []byte(printed), nil }
func (*Key) String() string                { return printed }
func (*Key) Format(s fmt.State, _ rune)    { io.WriteString(s, printed) }
func (*Key) LogValue() slog.Value          { return slog.StringValue(printed) }
func (*Key) MarshalText() ([]byte, error)  { return []byte(printed), nil }
