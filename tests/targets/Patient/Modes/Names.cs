using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace Medic.Targets
{
    /// <summary>
    /// Every construct whose name a report has to show, on the stack of a throw or as the type of what is thrown.
    /// `names stress`: beside that, code and threads that come and go as fast as they can.
    /// </summary>
    sealed class Names(bool stress) : Mode
    {
        private static readonly string Self = typeof(Names).Assembly.Location;

        public override void Start()
        {
            Run("zoo keeper", () => Forever(Zoo.Zoo.Visit, pause: stress ? 1 : 10));
            if (!stress)
                return;
            Run("unloader", () => Forever(UseContext));
            Run("collector", () => Forever(Collect));
            Run("emitter", () => Forever(Emitted.Use));
            Run("dynamic", () => Forever(EmitMany));
            Run("starter", () => Forever(StartThread));
        }

        public override void WarmUp() => SpinWait.SpinUntil(() => Work >= 5, TimeSpan.FromSeconds(20));

        /// <summary>`mvids`: the loaded modules with a file, as path=mvid, separated by semicolons.</summary>
        public override void Command(string line)
        {
            if (line != "mvids")
            {
                base.Command(line);
                return;
            }
            Console.WriteLine(string.Join(';', AppDomain.CurrentDomain.GetAssemblies()
                .Where(a => !a.IsDynamic && a.Location.Length > 0 && !a.IsCollectible)
                .Select(a => $"{a.Location}={a.ManifestModule.ModuleVersionId}")));
        }

        private void Forever(Action what, int pause = 0)
        {
            for (; ; )
            {
                what();
                Done();
                if (pause > 0)
                    Thread.Sleep(pause);
            }
        }

        /// <summary>Loads this program once more, uses code and types of the copy, and lets it go.</summary>
        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void UseContext()
        {
            var context = new AssemblyLoadContext("guest", isCollectible: true);
            var zoo = context.LoadFromAssemblyPath(Self).GetType("Zoo.Zoo")!;
            zoo.GetMethod("Guest")!.Invoke(null, null);
            context.Unload();
        }

        private static void Collect()
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            Thread.Sleep(1);
        }

        private static void EmitMany()
        {
            for (var i = 0; i < 20; i++)
                Emitted.Dynamic($"Made{i}")();
        }

        private static void StartThread()
        {
            var thread = new Thread(() => Zoo.Thrower.Throw<int>()) { Name = "mayfly" };
            thread.Start();
            thread.Join();
        }
    }

    /// <summary>Code made at run time.</summary>
    static class Emitted
    {
        private static readonly MethodInfo Throw =
            typeof(Zoo.Thrower).GetMethod(nameof(Zoo.Thrower.Throw))!.MakeGenericMethod(typeof(int));

        public static Action Dynamic(string name)
        {
            var method = new DynamicMethod(name, null, null, typeof(Emitted).Module);
            Body(method.GetILGenerator());
            return method.CreateDelegate<Action>();
        }

        /// <summary>A collectible assembly with one type and one method.</summary>
        [MethodImpl(MethodImplOptions.NoInlining)]
        public static void Use()
        {
            var assembly = AssemblyBuilder.DefineDynamicAssembly(new AssemblyName("Made"), AssemblyBuilderAccess.RunAndCollect);
            var type = assembly.DefineDynamicModule("Made").DefineType("Made.Robot", TypeAttributes.Public);
            Body(type.DefineMethod("Beep", MethodAttributes.Public | MethodAttributes.Static).GetILGenerator());
            type.CreateType().GetMethod("Beep")!.CreateDelegate<Action>()();
        }

        private static void Body(ILGenerator il)
        {
            il.Emit(OpCodes.Call, Throw);
            il.Emit(OpCodes.Ret);
        }
    }
}

namespace Zoo
{
    /// <summary>What is thrown: its argument is the type whose name is wanted.</summary>
    public sealed class Carrier<T> : Exception;

    public static class Thrower
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public static void Throw<T>()
        {
            try
            {
                throw new Carrier<T>();
            }
            catch (Carrier<T>)
            {
            }
        }

        public static void ThrowLike<T>(T _) => Throw<T>();
    }

    public record Person(string Name);

    public record struct Point(int X, int Y);

    public enum Colour { Red }

    interface IFeeder
    {
        void Feed();
    }

    sealed class Keeper : IFeeder
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        void IFeeder.Feed() => Thrower.Throw<Keeper>();

        public int Hours
        {
            [MethodImpl(MethodImplOptions.NoInlining)]
            get
            {
                Thrower.Throw<nint>();
                return 8;
            }
        }
    }

    public class Cage<T>
    {
        public class Bar<U>
        {
            [MethodImpl(MethodImplOptions.NoInlining)]
            public static void Rattle<V>() => Thrower.Throw<V>();
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        public Cage() => Thrower.Throw<byte>();
    }

    public static class Zoo
    {
        public static void Visit()
        {
            Types();
            Generics();
            ((IFeeder)new Keeper()).Feed();
            GC.KeepAlive(new Keeper().Hours);
            AsyncMethod().Wait();
            Task.Run(async () => { await Task.Yield(); Thrower.Throw<uint>(); }).Wait();
            foreach (var _ in Iterator())
                continue;
            Local(3);
            Lambda();
            Closure(7);
            Medic.Targets.Emitted.Dynamic("Handmade")();
            Medic.Targets.Emitted.Use();
        }

        /// <summary>What a copy of this program in a collectible context does.</summary>
        public static void Guest()
        {
            Types();
            Generics();
            Closure(5);
            AsyncMethod().Wait();
        }

        private static void Types()
        {
            Thrower.Throw<int>();
            Thrower.Throw<string>();
            Thrower.Throw<int[,]>();
            Thrower.Throw<int?[][,]>();
            Thrower.Throw<Dictionary<string, List<int?[][,]>>>();
            Thrower.Throw<Cage<int>.Bar<string>>();
            Thrower.Throw<Cage<Person>.Bar<Point>[]>();
            Thrower.Throw<Person>();
            Thrower.Throw<Point>();
            Thrower.Throw<Point?>();
            Thrower.Throw<Colour>();
            Thrower.Throw<(int, string)>();
            Thrower.Throw<Func<int, Person>>();
            Thrower.ThrowLike(new { Name = "Leo", Age = 3 });
        }

        private static void Generics()
        {
            Cage<int>.Bar<long>.Rattle<double>();
            Cage<int>.Bar<string>.Rattle<object>();
            Cage<Person>.Bar<string>.Rattle<Person>();
            GC.KeepAlive(new Cage<Point>());
        }

        private static async Task AsyncMethod()
        {
            await Task.Yield();
            Thrower.Throw<decimal>();
        }

        private static IEnumerable<int> Iterator()
        {
            yield return 1;
            Thrower.Throw<char>();
        }

        private static void Local(int n)
        {
            Inner(n);

            [MethodImpl(MethodImplOptions.NoInlining)]
            static void Inner(int m)
            {
                if (m > 0)
                    Thrower.Throw<short>();
            }
        }

        private static void Lambda()
        {
            Action call = () => Thrower.Throw<ushort>();
            call();
        }

        private static void Closure(int n)
        {
            var seen = 0;
            Action call = () =>
            {
                seen += n;
                Thrower.Throw<sbyte>();
            };
            call();
            GC.KeepAlive(seen);
        }
    }
}
