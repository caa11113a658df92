using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Osv.Data;
using Osv.Data.Access;
using Osv.Web.Hosting;

namespace Osv.Web.Audit;

/// <summary>Writes a change and its audit entry together or not at all.</summary>
public sealed class AuditTrail(IDbContextFactory<OsvDbContext> contexts, TimeProvider time)
{
    /// <summary>What someone typed may be of any length; the log keeps its beginning.</summary>
    public static string Shorten(string text) => text.Length <= 128 ? text : text[..128];

    /// <summary>Saves what <paramref name="data"/> holds, after <paramref name="change"/> if given, and appends the entry in the same transaction.</summary>
    public async Task SaveAsync(OsvDbContext data, string actor, string action, string subject, Guid? project, object detail, CancellationToken cancel, Func<Task>? change = null)
    {
        await using IDbContextTransaction transaction = await data.Database.BeginTransactionAsync(cancel);
        if (change is not null) await change();
        await data.SaveChangesAsync(cancel);
        // Last, because the end of the chain is locked from here to the commit.
        await AuditLog.AppendAsync(data, new AuditAct(actor, action, subject, project, JsonSerializer.Serialize(detail, ApiJson.Options)), time.GetUtcNow(), cancel);
        await transaction.CommitAsync(cancel);
    }

    /// <summary>Appends an entry about something that changed no row of ours, such as a refusal.</summary>
    public async Task RecordAsync(string actor, string action, string subject, Guid? project, object detail, CancellationToken cancel)
    {
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        await SaveAsync(data, actor, action, subject, project, detail, cancel);
    }
}
