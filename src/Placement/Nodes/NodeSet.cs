using System.Numerics;

namespace Osv.Placement.Nodes;

/// <summary>A set of node indexes, one bit each.</summary>
public sealed class NodeSet
{
    private readonly ulong[] _words;

    /// <param name="capacity">Node indexes are below this.</param>
    public NodeSet(int capacity)
    {
        Capacity = capacity;
        _words = new ulong[(capacity + 63) / 64];
    }

    public int Capacity { get; }

    /// <summary>Bit n of word w is node 64 w + n.</summary>
    public ReadOnlySpan<ulong> Words => _words;

    public int Count
    {
        get
        {
            int count = 0;
            foreach (ulong word in _words) count += BitOperations.PopCount(word);
            return count;
        }
    }

    public bool IsEmpty => !_words.AsSpan().ContainsAnyExcept(0UL);

    public bool Contains(int node) => (_words[node >> 6] >> node & 1) != 0;
    public void Add(int node) => _words[node >> 6] |= 1UL << node;
    public void Remove(int node) => _words[node >> 6] &= ~(1UL << node);
    public void Clear() => Array.Clear(_words);

    public void Set(int node, bool member)
    {
        if (member) Add(node);
        else Remove(node);
    }

    public void Fill()
    {
        Array.Fill(_words, ulong.MaxValue);
        if (Capacity % 64 != 0) _words[^1] = (1UL << Capacity) - 1;
    }

    public void CopyFrom(NodeSet other) => other._words.CopyTo(_words, 0);

    public void IntersectWith(NodeSet other)
    {
        for (int i = 0; i < _words.Length; i++) _words[i] &= other._words[i];
    }

    public void ExceptWith(NodeSet other)
    {
        for (int i = 0; i < _words.Length; i++) _words[i] &= ~other._words[i];
    }

    public void UnionWith(NodeSet other)
    {
        for (int i = 0; i < _words.Length; i++) _words[i] |= other._words[i];
    }

    /// <summary>Keeps only the members of a word that a mask names.</summary>
    public void Mask(int word, ulong mask) => _words[word] &= mask;

    public int CountCommon(NodeSet other)
    {
        int count = 0;
        for (int i = 0; i < _words.Length; i++) count += BitOperations.PopCount(_words[i] & other._words[i]);
        return count;
    }

    public Enumerator GetEnumerator() => new(_words);

    /// <summary>Members in ascending order; removing the current one meanwhile is allowed.</summary>
    public struct Enumerator
    {
        private readonly ulong[] _words;
        private ulong _rest;
        private int _word;

        internal Enumerator(ulong[] words)
        {
            _words = words;
            _word = -1;
        }

        public int Current { get; private set; }

        public bool MoveNext()
        {
            while (_rest == 0)
            {
                if (++_word >= _words.Length) return false;
                _rest = _words[_word];
            }
            Current = (_word << 6) + BitOperations.TrailingZeroCount(_rest);
            _rest &= _rest - 1;
            return true;
        }
    }
}
