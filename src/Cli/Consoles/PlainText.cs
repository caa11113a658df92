using System.Text;

namespace Osv.Cli.Consoles;

/// <summary>Makes text of what a console prints: no colours, no cursor, no bells; lines end with a line feed. Goes on where the last piece ended.</summary>
internal sealed class PlainText
{
    private enum State
    {
        Text,
        Escape,
        /// <summary>ESC [ ... letter (ECMA-48, control sequences).</summary>
        Sequence,
        /// <summary>ESC ] ... BEL or ESC \ (ECMA-48, operating system commands).</summary>
        Command,
        CommandEscape,
        /// <summary>ESC ( X and the like: one character follows.</summary>
        Designation,
    }

    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();
    private State _state;

    public string Next(ReadOnlySpan<byte> printed)
    {
        char[] characters = new char[_decoder.GetCharCount(printed, flush: false)];
        int count = _decoder.GetChars(printed, characters, flush: false);
        var text = new StringBuilder(count);
        foreach (char character in characters.AsSpan(0, count))
        {
            if (Step(character)) text.Append(character);
        }
        return text.ToString();
    }

    /// <summary>True: the character is text.</summary>
    private bool Step(char character)
    {
        switch (_state)
        {
            case State.Text when character == '\u001b':
                _state = State.Escape;
                return false;
            case State.Text:
                return character is '\n' or '\t' || !char.IsControl(character);
            case State.Escape:
                _state = character switch { '[' => State.Sequence, ']' or 'P' or '_' or '^' => State.Command, '(' or ')' or '*' or '+' or '#' or '%' or ' ' => State.Designation, _ => State.Text };
                return false;
            case State.Sequence:
                if (character is >= '@' and <= '~') _state = State.Text;
                return false;
            case State.Command:
                _state = character switch { '\u0007' => State.Text, '\u001b' => State.CommandEscape, _ => State.Command };
                return false;
            default:
                _state = State.Text;
                return false;
        }
    }
}
