using System.Globalization;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace Osv.Mutation;

/// <summary>Every place of a source where one of the rules applies; nothing is chosen by hand.</summary>
internal sealed class MutantFinder : CSharpSyntaxWalker
{
    private static readonly Dictionary<SyntaxKind, (string Rule, string To)> s_operators = new()
    {
        [SyntaxKind.EqualsEqualsToken] = ("comparison", "!="),
        [SyntaxKind.ExclamationEqualsToken] = ("comparison", "=="),
        [SyntaxKind.LessThanToken] = ("bound", "<="),
        [SyntaxKind.LessThanEqualsToken] = ("bound", "<"),
        [SyntaxKind.GreaterThanToken] = ("bound", ">="),
        [SyntaxKind.GreaterThanEqualsToken] = ("bound", ">"),
        [SyntaxKind.AmpersandAmpersandToken] = ("condition", "||"),
        [SyntaxKind.BarBarToken] = ("condition", "&&"),
        [SyntaxKind.AmpersandToken] = ("mask", "|"),
        [SyntaxKind.BarToken] = ("mask", "&"),
        [SyntaxKind.LessThanLessThanToken] = ("mask", ">>"),
        [SyntaxKind.GreaterThanGreaterThanToken] = ("mask", "<<"),
        [SyntaxKind.PlusToken] = ("arithmetic", "-"),
        [SyntaxKind.MinusToken] = ("arithmetic", "+"),
    };

    private readonly string _file;
    private readonly SourceText _text;
    private readonly List<Mutant> _found = [];

    private MutantFinder(string file, SourceText text) => (_file, _text) = (file, text);

    public static IReadOnlyList<Mutant> Find(string file, SyntaxTree tree)
    {
        var finder = new MutantFinder(file, tree.GetText());
        finder.Visit(tree.GetRoot());
        return finder._found;
    }

    public override void VisitBinaryExpression(BinaryExpressionSyntax node)
    {
        Replace(node.OperatorToken);
        base.VisitBinaryExpression(node);
    }

    public override void VisitRelationalPattern(RelationalPatternSyntax node)
    {
        Replace(node.OperatorToken);
        base.VisitRelationalPattern(node);
    }

    public override void VisitBinaryPattern(BinaryPatternSyntax node)
    {
        if (node.IsKind(SyntaxKind.OrPattern)) Add("missing alternative", node.Span, node.Left.ToString());
        base.VisitBinaryPattern(node);
    }

    public override void VisitPrefixUnaryExpression(PrefixUnaryExpressionSyntax node)
    {
        if (node.OperatorToken.Kind() is SyntaxKind.ExclamationToken) Add("condition", node.Span, node.Operand.ToString());
        if (node.OperatorToken.Kind() is SyntaxKind.TildeToken) Add("mask", node.Span, node.Operand.ToString());
        base.VisitPrefixUnaryExpression(node);
    }

    public override void VisitLiteralExpression(LiteralExpressionSyntax node)
    {
        if (node.IsKind(SyntaxKind.TrueLiteralExpression)) Add("condition", node.Span, "false");
        if (node.IsKind(SyntaxKind.FalseLiteralExpression)) Add("condition", node.Span, "true");
        if (node.IsKind(SyntaxKind.NumericLiteralExpression))
        {
            string suffix = new([.. node.Token.Text.Reverse().TakeWhile(letter => letter is 'u' or 'U' or 'l' or 'L').Reverse()]);
            ulong value = Convert.ToUInt64(node.Token.Value, CultureInfo.InvariantCulture);
            // A mask loses its lowest bit, a number grows by one.
            bool mask = node.Token.Text.StartsWith("0x", StringComparison.Ordinal) && value != 0;
            Add(mask ? "mask" : "number", node.Span, (mask ? value & (value - 1) : value + 1).ToString(CultureInfo.InvariantCulture) + suffix);
        }
    }

    public override void VisitIfStatement(IfStatementSyntax node)
    {
        if (node.Else == null && node.Parent is BlockSyntax or SwitchSectionSyntax) Add("missing check", node.Span, ";");
        base.VisitIfStatement(node);
    }

    public override void VisitExpressionStatement(ExpressionStatementSyntax node)
    {
        Add("missing statement", node.Span, ";");
        base.VisitExpressionStatement(node);
    }

    public override void VisitBlock(BlockSyntax node)
    {
        for (int i = 0; i + 1 < node.Statements.Count; i++)
        {
            StatementSyntax first = node.Statements[i], second = node.Statements[i + 1];
            if (first is not (ExpressionStatementSyntax or IfStatementSyntax) || second is not (ExpressionStatementSyntax or IfStatementSyntax)) continue;
            string between = _text.ToString(TextSpan.FromBounds(first.Span.End, second.SpanStart));
            Add("order", TextSpan.FromBounds(first.SpanStart, second.Span.End), second + between + first);
        }
        base.VisitBlock(node);
    }

    private void Replace(SyntaxToken token)
    {
        if (s_operators.TryGetValue(token.Kind(), out (string Rule, string To) other)) Add(other.Rule, token.Span, other.To);
    }

    private void Add(string rule, TextSpan span, string replacement)
    {
        TextLine line = _text.Lines.GetLineFromPosition(span.Start);
        int at = span.Start - line.Start;
        string before = line.ToString();
        string after = before[..at] + replacement + (span.End <= line.End ? before[(span.End - line.Start)..] : "");
        _found.Add(new Mutant(_file, rule, span, replacement, before.Trim(), after.Split('\n')[0].Trim()));
    }
}
