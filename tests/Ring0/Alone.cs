namespace Osv.Ring0.Tests;

/// <summary>Tests that count or time: no other machine runs beside theirs.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
