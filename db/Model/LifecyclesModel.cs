using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Osv.Data.Lifecycles;

namespace Osv.Data;

internal static class LifecyclesModel
{
    public static void Configure(ModelBuilder builder)
    {
        builder.Entity<StateTransition>(table =>
        {
            table.HasKey(row => new { row.Machine, row.FromState, row.ToState });
            table.HasData(StateTransition.All);
        });
    }

    /// <summary>Columns and rules that every lifecycle row has. The constraint triggers are in the migrations.</summary>
    public static void Lifecycle<TRow, TState>(EntityTypeBuilder<TRow> table, string name, StateMachine<TState> machine)
        where TRow : Lifecycle<TState>
        where TState : struct, Enum
    {
        string steady = string.Join(", ", machine.Steady.Order().Select(state => $"'{state}'"));
        table.ToTable(name, t =>
        {
            t.HasCheckConstraint($"ck_{name}_deadline", $"deadline_at IS NOT NULL OR state IN ({steady})");
            t.HasCheckConstraint($"ck_{name}_owner", "owner <> ''");
            t.HasCheckConstraint($"ck_{name}_claim", "(claimed_by IS NULL) = (claimed_until IS NULL)");
        });
        // The clock of the database: set by the trigger when the state changes.
        table.Property(row => row.EnteredAt).HasDefaultValueSql("clock_timestamp()").ValueGeneratedOnAddOrUpdate();
        table.HasIndex(row => row.DueAt).HasFilter("due_at IS NOT NULL");
        table.HasIndex(row => row.DeadlineAt).HasFilter("deadline_at IS NOT NULL");
        table.HasIndex(row => row.State);
    }
}
