using FluentValidation;
using Osv.Web.Hosting;

namespace Osv.Web.Consoles;

/// <summary>A line of a console.</summary>
/// <param name="Sequence">Number of the line since the tenant was created; of a partial line the number of the line before it, so that asking for what comes after it brings the whole line.</param>
/// <param name="At">When its last bytes were read.</param>
/// <param name="Text">As it was printed, control sequences too, without the end of the line.</param>
/// <param name="Partial">It has not ended yet, as a prompt.</param>
public sealed record LogLine(long Sequence, DateTimeOffset At, string Text, bool Partial = false);

/// <summary>A stretch of a console, byte for byte.</summary>
/// <param name="Position">Bytes of the console before it, over all starts.</param>
/// <param name="Instance">Names the start that it comes from.</param>
/// <param name="Offset">Of its first byte in the stream of that start.</param>
/// <param name="LostBefore">Bytes printed right before it that nobody could keep.</param>
/// <param name="At">When the node read it.</param>
/// <param name="Data">The bytes, in base 64.</param>
public sealed record ConsoleSegment(long Position, long Instance, long Offset, long LostBefore, DateTimeOffset At, byte[] Data);

/// <summary>A piece of a console.</summary>
/// <param name="Next">Position to go on from.</param>
/// <param name="End">Where the console ends now; equal to <paramref name="Next"/> when this is all.</param>
/// <param name="Segments">In order. What is older than the log is kept for is left out.</param>
public sealed record ConsolePage(long Next, long End, IReadOnlyList<ConsoleSegment> Segments);

/// <summary>What is typed into a console; give one of the two.</summary>
/// <param name="Text">Sent in UTF-8 as it is: a line ends with "\n" or "\r" as the tenant expects it.</param>
/// <param name="Data">Bytes in base 64.</param>
public sealed record TypeText(string? Text = null, byte[]? Data = null) : IRequestBody;

internal sealed class TypeTextValidator : AbstractValidator<TypeText>
{
    public TypeTextValidator()
    {
        RuleFor(typed => typed).Must(typed => typed.Text is null != typed.Data is null).OverridePropertyName(nameof(TypeText.Text)).WithMessage("give either text or data");
        RuleFor(typed => typed.Text).Must(text => text is null || System.Text.Encoding.UTF8.GetByteCount(text) is > 0 and <= ConsoleKeyboard.MostBytes).WithMessage($"text has 1 to {ConsoleKeyboard.MostBytes} bytes");
        RuleFor(typed => typed.Data).Must(data => data is null || data.Length is > 0 and <= ConsoleKeyboard.MostBytes).WithMessage($"data has 1 to {ConsoleKeyboard.MostBytes} bytes");
    }
}
