namespace Osv.Monitor.Guards;

/// <summary>One thing that must not be in the monitor.</summary>
/// <param name="Where">File and line, or the function.</param>
/// <param name="Guard">The guard's name, one word.</param>
/// <param name="Message">What is wrong and what to do, one sentence.</param>
public sealed record Finding(string Where, string Guard, string Message)
{
    /// <summary>The form in which MSBuild recognises an error in a tool's output.</summary>
    public override string ToString() => $"{Where}: error {Guard}: {Message}";
}
