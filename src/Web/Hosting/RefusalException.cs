namespace Osv.Web.Hosting;

/// <summary>A request that cannot be granted. It becomes a problem document in the API and a message in the console.</summary>
/// <param name="status">HTTP status.</param>
/// <param name="message">What was wrong, the value, and what to do, in one sentence.</param>
public sealed class RefusalException(int status, string message) : Exception(message)
{
    public int Status { get; } = status;

    /// <summary>When it may be granted.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>What is wrong by field; empty where it is not about fields.</summary>
    public IReadOnlyDictionary<string, string[]> Errors { get; init; } = new Dictionary<string, string[]>();

    /// <summary>The thing does not exist, or the caller may not know that it does.</summary>
    public static RefusalException NotFound(string kind, string name) => new(StatusCodes.Status404NotFound, $"there is no {kind} '{name}' that you may see");

    public static RefusalException Forbidden(string message) => new(StatusCodes.Status403Forbidden, message);

    public static RefusalException Conflict(string message) => new(StatusCodes.Status409Conflict, message);

    public static RefusalException Invalid(string field, string message) =>
        new(StatusCodes.Status400BadRequest, message) { Errors = new Dictionary<string, string[]> { [field] = [message] } };
}
