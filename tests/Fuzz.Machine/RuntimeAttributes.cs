using System;

namespace System.Runtime;

/// <summary>Names a method for assembly; here nobody asks for it.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RuntimeExportAttribute(string name) : Attribute
{
    public string Name { get; } = name;
}
