namespace Osv.Monitor.Guards.Count;

/// <summary>Lines that hold code: not blank, not only comment.</summary>
public static class LineCounter
{
    /// <summary>C#: line, block and documentation comments are left out; what looks like one inside a literal is code.</summary>
    public static int CSharp(string text)
    {
        int lines = 0, quotes = 0;
        bool code = false;
        var state = State.Code;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i], next = i + 1 < text.Length ? text[i + 1] : '\0';
            if (c == '\n')
            {
                if (code) lines++;
                code = false;
                if (state is State.LineComment or State.Text or State.Character) state = State.Code;
                continue;
            }
            switch (state)
            {
                case State.LineComment:
                    continue;
                case State.BlockComment:
                    if (c == '*' && next == '/')
                    {
                        state = State.Code;
                        i++;
                    }
                    continue;
                case State.Code when c == '/' && next == '/':
                    state = State.LineComment;
                    continue;
                case State.Code when c == '/' && next == '*':
                    state = State.BlockComment;
                    i++;
                    continue;
                case State.Code when c == '"':
                    quotes = Run(text, i, '"');
                    state = quotes >= 3 ? State.RawText : IsVerbatim(text, i) ? State.Verbatim : State.Text;
                    if (quotes >= 3) i += quotes - 1;
                    break;
                case State.Code when c == '\'':
                    state = State.Character;
                    break;
                case State.Text or State.Character when c == '\\':
                    i++;
                    break;
                case State.Text when c == '"':
                case State.Character when c == '\'':
                    state = State.Code;
                    break;
                case State.Verbatim when c == '"' && next == '"':
                    i++;
                    break;
                case State.Verbatim when c == '"':
                    state = State.Code;
                    break;
                case State.RawText when c == '"' && Run(text, i, '"') >= quotes:
                    i += quotes - 1;
                    state = State.Code;
                    break;
            }
            if (!char.IsWhiteSpace(c)) code = true;
        }
        return code ? lines + 1 : lines;
    }

    /// <summary>nasm: a semicolon outside quotes starts a comment.</summary>
    public static int Assembly(string text) => text.Split('\n').Count(line => !string.IsNullOrWhiteSpace(WithoutComment(line)));

    private static string WithoutComment(string line)
    {
        char quote = '\0';
        for (int i = 0; i < line.Length; i++)
        {
            char c = line[i];
            if (quote != '\0') quote = c == quote ? '\0' : quote;
            else if (c is '\'' or '"' or '`') quote = c;
            else if (c == ';') return line[..i];
        }
        return line;
    }

    private static int Run(string text, int at, char of)
    {
        int count = 0;
        while (at + count < text.Length && text[at + count] == of) count++;
        return count;
    }

    private static bool IsVerbatim(string text, int quote) => quote > 0 && (text[quote - 1] == '@' || (text[quote - 1] == '$' && quote > 1 && text[quote - 2] == '@'));

    private enum State { Code, LineComment, BlockComment, Text, Character, Verbatim, RawText }
}
