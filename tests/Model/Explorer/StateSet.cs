using System;
using System.Threading;

namespace Osv.Model.Explorer;

/// <summary>
/// The states seen, whole and not only their hashes, each with the one it was first reached from. Sharded, one lock for
/// each shard. A state's number is its shard in bits 5:0 and its place there above.
/// </summary>
internal sealed class StateSet
{
    private const int ShardBits = 6, Shards = 1 << ShardBits;

    private sealed class Shard
    {
        public readonly Lock Gate = new();
        public Packed[] States = new Packed[1024];
        public uint[] Parents = new uint[1024];
        public int Count;
        /// <summary>Open addressing; place + 1, 0 is empty.</summary>
        public int[] Table = new int[4096];
    }

    private readonly Shard[] _shards = new Shard[Shards];

    public StateSet()
    {
        for (int i = 0; i < Shards; i++) _shards[i] = new Shard();
    }

    public long Count
    {
        get
        {
            long count = 0;
            foreach (Shard shard in _shards) count += shard.Count;
            return count;
        }
    }

    /// <summary>Bytes held by the tables.</summary>
    public long Bytes
    {
        get
        {
            long bytes = 0;
            foreach (Shard shard in _shards) bytes += shard.States.LongLength * 28 + shard.Table.LongLength * 4;
            return bytes;
        }
    }

    /// <summary>True when the state is new; <paramref name="number"/> is its number either way.</summary>
    public bool Add(Packed state, uint parent, out uint number)
    {
        ulong hash = state.Hash;
        uint index = (uint)(hash & (Shards - 1));
        Shard shard = _shards[index];
        lock (shard.Gate)
        {
            int mask = shard.Table.Length - 1;
            int slot = (int)((hash >> ShardBits) & (uint)mask);
            while (shard.Table[slot] != 0)
            {
                int place = shard.Table[slot] - 1;
                if (shard.States[place] == state)
                {
                    number = ((uint)place << ShardBits) | index;
                    return false;
                }
                slot = (slot + 1) & mask;
            }
            int made = shard.Count;
            if (made == shard.States.Length) Grow(shard);
            shard.States[made] = state;
            shard.Parents[made] = parent;
            shard.Count = made + 1;
            number = ((uint)made << ShardBits) | index;
            if (shard.Count * 3L > shard.Table.Length * 2L) Rehash(shard);
            else shard.Table[slot] = made + 1;
            return true;
        }
    }

    private static void Grow(Shard shard)
    {
        int length = shard.States.Length + shard.States.Length / 2;
        Array.Resize(ref shard.States, length);
        Array.Resize(ref shard.Parents, length);
    }

    private static void Rehash(Shard shard)
    {
        var table = new int[shard.Table.Length * 2];
        int mask = table.Length - 1;
        for (int place = 0; place < shard.Count; place++)
        {
            int slot = (int)((shard.States[place].Hash >> ShardBits) & (uint)mask);
            while (table[slot] != 0) slot = (slot + 1) & mask;
            table[slot] = place + 1;
        }
        shard.Table = table;
    }

    public Packed this[uint number]
    {
        get
        {
            Shard shard = _shards[number & (Shards - 1)];
            lock (shard.Gate) return shard.States[number >> ShardBits];
        }
    }

    public uint ParentOf(uint number) => _shards[number & (Shards - 1)].Parents[number >> ShardBits];
}
