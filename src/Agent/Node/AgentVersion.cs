using System.Reflection;

namespace Osv.Agent.Node;

/// <summary>What this agent calls itself.</summary>
public static class AgentVersion
{
    public static string Text { get; } = typeof(AgentVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
}
