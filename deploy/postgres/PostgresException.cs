namespace Osv.Postgres;

/// <summary>PostgreSQL could not do what was asked; the message is one sentence that says what to do.</summary>
public sealed class PostgresException : Exception
{
    public PostgresException(string message)
        : base(message)
    {
    }

    public PostgresException(string message, Exception inner)
        : base(message, inner)
    {
    }

    public PostgresException()
    {
    }
}
