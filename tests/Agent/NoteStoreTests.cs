using Osv.Agent.Notes;

namespace Osv.Agent.Tests;

public sealed class NoteStoreTests
{
    private readonly byte[] _memory = new byte[4 * 4096];

    private NoteStore Store() => new(() => _memory, 4);

    [Fact]
    public void Blank_memory_holds_nothing() => Store().Read(2).ShouldBeNull();

    [Fact]
    public void The_last_record_is_read_back_by_whoever_comes_next()
    {
        for (byte i = 1; i < 10; i++)
        {
            Store().Write(2, [i, i, i]);
            Store().Read(2).ShouldBe([i, i, i]);
        }
        Store().Read(1).ShouldBeNull();
        Store().Read(3).ShouldBeNull();
    }

    [Fact]
    public void A_cleared_slot_is_empty()
    {
        Store().Write(1, [1]);
        Store().Clear(1);
        Store().Read(1).ShouldBeNull();
    }

    /// <summary>Whatever part of a write has reached memory, the reader sees the old record or the new one, whole.</summary>
    [Fact]
    public void A_write_that_is_cut_anywhere_leaves_the_old_record_or_the_new_one()
    {
        byte[] old = [1, 2, 3, 4, 5], fresh = [9, 8, 7, 6, 5, 4, 3];
        Store().Write(2, [0]);
        Store().Write(2, old);
        byte[] before = [.. _memory];
        Store().Write(2, fresh);
        byte[] after = [.. _memory];
        int[] changed = [.. Enumerable.Range(0, before.Length).Where(i => before[i] != after[i])];
        changed.Length.ShouldBeGreaterThan(10);
        for (int cut = 0; cut <= changed.Length; cut++)
        {
            before.CopyTo(_memory, 0);
            for (int i = 0; i < cut; i++) _memory[changed[i]] = after[changed[i]];
            byte[]? seen = Store().Read(2);
            (seen!.SequenceEqual(old) || seen!.SequenceEqual(fresh)).ShouldBeTrue($"cut after {cut} of {changed.Length} bytes");
        }
    }

    [Fact]
    public void A_node_note_comes_back_as_it_was()
    {
        var notes = new NodeNotes(Store());
        notes.Save(new NodeNote { BootId = "b" });
        notes.Node!.PrivateKey.ShouldBeNull();
        notes.Save(notes.Node with { PrivateKey = [1, 2, 3], LeaseSeconds = 7 });
        notes.Node!.PrivateKey.ShouldBe([1, 2, 3]);
        notes.Node.LeaseSeconds.ShouldBe(7u);
    }

    [Fact]
    public void A_record_that_is_too_large_is_refused() => Should.Throw<ArgumentException>(() => Store().Write(0, new byte[5000])).Message.ShouldContain("5000");
}
