namespace Osv.Web.Console;

/// <summary>A part of a page with an address of its own.</summary>
public sealed record Tab(string Key, string Title);
