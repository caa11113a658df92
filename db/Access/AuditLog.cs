using Microsoft.EntityFrameworkCore;

namespace Osv.Data.Access;

/// <summary>What was done.</summary>
/// <param name="Actor">Name of the user, token or node.</param>
/// <param name="Action">As in "tenant.create".</param>
/// <param name="Subject">Id or name of what was acted on.</param>
/// <param name="ProjectId">Null for acts outside projects.</param>
/// <param name="Detail">JSON.</param>
public sealed record AuditAct(string Actor, string Action, string Subject, Guid? ProjectId, string Detail);

/// <summary>The state of the chain.</summary>
/// <param name="Entries">How many entries were read and found good.</param>
/// <param name="Head">Hash of the last good entry; noted elsewhere it also proves that the whole chain was not replaced.</param>
/// <param name="Fault">What is wrong with the entry after that; null: nothing.</param>
public sealed record AuditVerification(long Entries, byte[] Head, string? Fault);

/// <summary>The audit log, a hash chain.</summary>
public static class AuditLog
{
    /// <summary>
    /// Appends an entry in the transaction of the act, which it serialises with all other audited acts until the commit: call it last.
    /// </summary>
    /// <exception cref="InvalidOperationException">No transaction is open.</exception>
    public static async Task<AuditEntry> AppendAsync(OsvDbContext context, AuditAct act, DateTimeOffset now, CancellationToken cancel)
    {
        if (context.Database.CurrentTransaction is null) throw new InvalidOperationException($"the audit entry '{act.Action}' must be written in the transaction of the act: begin one first");
        AuditHead head = await context.AuditHeads.FromSql($"SELECT * FROM audit_heads WHERE id = 1 FOR UPDATE").AsNoTracking().SingleAsync(cancel);
        AuditEntry unsigned = new()
        {
            Sequence = head.Sequence + 1,
            At = AuditHash.Stored(now),
            Actor = act.Actor,
            Action = act.Action,
            Subject = act.Subject,
            ProjectId = act.ProjectId,
            Detail = act.Detail,
            PreviousSha256 = head.Sha256,
            Sha256 = [],
        };
        AuditEntry entry = new()
        {
            Sequence = unsigned.Sequence,
            At = unsigned.At,
            Actor = unsigned.Actor,
            Action = unsigned.Action,
            Subject = unsigned.Subject,
            ProjectId = unsigned.ProjectId,
            Detail = unsigned.Detail,
            PreviousSha256 = unsigned.PreviousSha256,
            Sha256 = AuditHash.Of(unsigned),
        };
        context.AuditEntries.Add(entry);
        await context.SaveChangesAsync(cancel);
        return entry;
    }

    /// <summary>Reads the whole chain and says where it breaks first.</summary>
    public static async Task<AuditVerification> VerifyAsync(OsvDbContext context, CancellationToken cancel)
    {
        // One snapshot for head and entries; entries appended meanwhile do not count.
        await using var transaction = await context.Database.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancel);
        AuditHead end = await context.AuditHeads.AsNoTracking().SingleAsync(cancel);
        long sequence = 0;
        byte[] head = new byte[32];
        await foreach (AuditEntry entry in context.AuditEntries.AsNoTracking().OrderBy(entry => entry.Sequence).AsAsyncEnumerable().WithCancellation(cancel))
        {
            string? fault = entry.Sequence != sequence + 1 ? $"entry {sequence + 1} is missing"
                : !entry.PreviousSha256.AsSpan().SequenceEqual(head) ? $"entry {entry.Sequence} does not follow entry {sequence}"
                : !entry.Sha256.AsSpan().SequenceEqual(AuditHash.Of(entry)) ? $"entry {entry.Sequence} was changed"
                : null;
            if (fault is not null) return new AuditVerification(sequence, head, fault);
            sequence = entry.Sequence;
            head = entry.Sha256;
        }
        return new AuditVerification(sequence, head, sequence == end.Sequence && end.Sha256.AsSpan().SequenceEqual(head) ? null : $"the chain ends at entry {sequence}, its head says {end.Sequence}");
    }
}
