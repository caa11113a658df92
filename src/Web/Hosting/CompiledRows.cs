using System.Linq.Expressions;
using Microsoft.EntityFrameworkCore;
using Osv.Data;

namespace Osv.Web.Hosting;

/// <summary>
/// Queries of rows that a view is made of, compiled once: to take such a query apart and to find it among those known takes longer than to run it.
/// They are put together of two expressions, which rows and what of them, so that what is written once.
/// </summary>
internal static class CompiledRows
{
    /// <param name="what">Makes rows of entities.</param>
    /// <param name="which">Entities by a key.</param>
    public static Func<OsvDbContext, TKey, IAsyncEnumerable<TRow>> Of<TEntity, TKey, TRow>(
        Expression<Func<OsvDbContext, IQueryable<TEntity>, IQueryable<TRow>>> what, Expression<Func<OsvDbContext, TKey, IQueryable<TEntity>>> which)
    {
        Expression body = new Replacement(what.Parameters[1], which.Body).Visit(new Replacement(what.Parameters[0], which.Parameters[0]).Visit(what.Body));
        return EF.CompileAsyncQuery(Expression.Lambda<Func<OsvDbContext, TKey, IQueryable<TRow>>>(body, which.Parameters));
    }

    private sealed class Replacement(ParameterExpression parameter, Expression by) : ExpressionVisitor
    {
        protected override Expression VisitParameter(ParameterExpression node) => node == parameter ? by : base.VisitParameter(node);
    }
}
