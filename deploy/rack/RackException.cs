namespace Osv.Rack;

/// <summary>Something the virtual rack cannot do on this host, in one sentence that says what to do about it.</summary>
public sealed class RackException(string message) : Exception(message);
