namespace Osv.Data;

/// <summary>A row that several may write: an update of a stale copy fails (PostgreSQL's xmin is the version).</summary>
public interface IVersioned
{
    uint RowVersion { get; }
}
